# SPDX-License-Identifier: Apache-2.0
"""Signing what Neutron and ibstack-fabricd tell each other; "Signatures" in protocols.md.

Whoever has a compute host's account at the broker can read their queue and answer in Neutron's
place.  The key is on controllers and hosts with a subnet manager, and on no compute host.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
from pathlib import Path
from typing import Final

from ibstack.fabric.errors import BadInput

_SHORTEST: Final = 32
_READ_AT_MOST: Final = 4096

REPORT_VALID_S: Final = 120
"""How long a signed report counts, in seconds; the clocks of the hosts may differ as much."""


class Signer:
    """Signs, and judges signatures, with one key (HMAC-SHA256)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def read(cls, file: str) -> Signer | None:
        """Return the signer with the key in *file*; None where *file* is empty: no key is used.

        BadInput for a file that cannot be read, that others may read, or with too short a key.
        """
        if not file:
            return None
        try:
            with Path(file).open("rb") as opened:
                mode = os.fstat(opened.fileno()).st_mode
                key = opened.read(_READ_AT_MOST + 1).strip()
        except OSError as error:
            raise BadInput(f"cannot read answer_key_file {file}: {error.strerror}") from error
        if mode & stat.S_IRWXO:
            raise BadInput(f"cannot use answer_key_file {file}: every user may read it; chmod 0640")
        if not _SHORTEST <= len(key) <= _READ_AT_MOST:
            raise BadInput(
                f"cannot use answer_key_file {file}: its key has {len(key)} bytes, and should have"
                f" {_SHORTEST} or more; openssl rand -hex 32 writes one"
            )
        return cls(key)

    def sign(self, *content: object) -> str:
        """Return the signature of *content*, which JSON can hold, in hex."""
        text = json.dumps(content, separators=(",", ":"), sort_keys=True)
        return hmac.new(self._key, text.encode("ascii"), hashlib.sha256).hexdigest()

    def is_of(self, signature: object, *content: object) -> bool:
        """Return whether *signature* is that of *content*; both came over the wire."""
        if not isinstance(signature, str) or not signature.isascii():
            return False
        try:
            return hmac.compare_digest(signature, self.sign(*content))
        except (TypeError, ValueError, RecursionError):
            return False  # Nothing that was ever signed.
