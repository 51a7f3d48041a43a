# SPDX-License-Identifier: Apache-2.0
"""A file of lines that is no ini file: each under a comment that says what it follows from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ibstack.cluster.config.generated import GeneratedFile
from ibstack.cluster.config.render.ini_file import objects_of


@dataclass(slots=True)
class LineFile:
    """Lines in the order in which they are written; `#` begins a comment in its format."""

    path: str
    services: tuple[str, ...] = ()
    whole: bool = True
    needs_reboot: bool = False
    stays: bool = False
    _text: list[str] = field(default_factory=list)
    _origin: list[tuple[str, str]] = field(default_factory=list)

    def put(self, key: str, lines: str, *origins: str) -> None:
        """Add *lines*, each with its end, which say *key*."""
        origin = " and ".join(dict.fromkeys(origins))
        self._origin.append((key, origin))
        self._text.append(f"# from {origin}\n{lines}")

    def generated(self) -> GeneratedFile:
        """Return the file."""
        origin = tuple(self._origin)
        return GeneratedFile(
            PurePosixPath(self.path),
            "".join(self._text),
            ", ".join(objects_of(origin)),
            origin,
            whole=self.whole,
            services=self.services,
            needs_reboot=self.needs_reboot,
            stays=self.stays,
        )
