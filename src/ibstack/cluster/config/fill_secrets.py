# SPDX-License-Identifier: Apache-2.0
"""Secrets of this machine, and the files of hosts with them in the place of their marks."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ibstack.fabric.errors import IbstackError, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath

    from ibstack.cluster.config.generated import GeneratedFile, SecretFile

_LARGEST_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of this machine; each is read once."""

    _known: dict[SecretFile, str] = field(default_factory=dict)

    def fill(
        self, files: Mapping[PurePosixPath, GeneratedFile]
    ) -> dict[PurePosixPath, GeneratedFile]:
        """Return *files* with their secrets; one whose secret cannot be read says why."""
        return {path: self._filled(file) if file.secrets else file for path, file in files.items()}

    def _filled(self, file: GeneratedFile) -> GeneratedFile:
        text = file.text
        try:
            for secret in file.secrets:
                # A modification may have put something else there.
                if secret.mark in text:
                    text = text.replace(secret.mark, self._read(secret))
        except IbstackError as error:
            return replace(file, unready=str(error))
        return replace(file, text=text)

    def _read(self, secret: SecretFile) -> str:
        if secret not in self._known:
            found = _one_line(secret)
            self._known[secret] = quote(found, safe="") if secret.in_url else found
        return self._known[secret]


def _one_line(secret: SecretFile) -> str:
    doing = f"use the secret in {secret.path}"
    try:
        # A pipe that somebody made there must not be waited for.
        handle = os.open(secret.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            mode = os.fstat(handle).st_mode
            content = file.read(_LARGEST_BYTES + 1) or b""
    except OSError as error:
        raise IbstackError(f"cannot {doing}: {error.strerror}") from error
    if mode & stat.S_IRWXO:
        raise Refused(f"cannot {doing}: every user may read it; chmod 0600")
    text = content.decode("ascii", errors="replace").strip()
    if not text.isascii() or not text.isprintable() or len(content) > _LARGEST_BYTES:
        raise Refused(f"cannot {doing}: expected one line of ASCII")
    if secret.in_url and "/" in text:
        # impl_rabbit of oslo.messaging quotes a password again, and a / not.
        raise Refused(f"cannot {doing}: it has a /, which oslo.messaging loses in a URL")
    if len(text) < secret.least:
        raise Refused(
            f"cannot {doing}: it has {len(text)} characters, and should have {secret.least} or more"
        )
    return text
