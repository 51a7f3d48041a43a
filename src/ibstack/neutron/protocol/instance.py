# SPDX-License-Identifier: Apache-2.0
"""Which running daemon sends a message: "Instances" in docs/reference/protocols.md.

A message of the broker names the host that its sender claims.  Each daemon makes itself a random
instance when it starts, says its digest in heartbeats and the instance itself in `report_host`: so
Neutron can tell when two processes speak in one host's name, and not which of them is right.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY: Final = "instance"
"""Of a heartbeat's `configurations`, and of the arguments of `report_host`."""
_DIGITS: Final = 32


def new_instance() -> str:
    """Return the instance of a daemon that starts."""
    return secrets.token_hex(_DIGITS // 2)


def digest_of(instance: str) -> str:
    """Return what a heartbeat says of *instance*, from which it cannot be made."""
    return hashlib.sha256(_bytes(instance)).hexdigest()[:_DIGITS]


def told_in(configurations: Mapping[str, Any]) -> str | None:
    """Return the digest in a heartbeat's *configurations*; None where there is none."""
    found = configurations.get(KEY)
    return found if isinstance(found, str) else None


def is_instance(instance: object, digest: str) -> bool:
    """Return whether *instance*, which came over the wire, is the one of *digest*."""
    if not isinstance(instance, str):
        return False
    return hmac.compare_digest(_bytes(digest_of(instance)), _bytes(digest))


def _bytes(text: str) -> bytes:
    # JSON can spell half of a character, and UTF-8 cannot.
    return text.encode(errors="surrogatepass")
