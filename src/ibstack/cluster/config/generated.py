# SPDX-License-Identifier: Apache-2.0
"""A generated file, or a generated section of a file that belongs to somebody else.

What of it is left out, because of what else stands on the host or cannot be, is a Remark.  A secret
is a file of the head node, which the cluster's state names and does not hold: a rendered text has a
mark in its place, which is replaced right before the text goes to a host (fill_secrets.py).  So no
listing, export or history ever has a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ibstack.cluster.config import sections

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is not as the cluster says, and that ibstack does not change."""

    what: str
    """As "category of node[001-003]"."""
    wanted: str
    found: str
    """What stands in the way, with the place."""

    def __str__(self) -> str:
        return f"{self.what}: wanted {self.wanted}, but {self.found}"


@dataclass(frozen=True, slots=True)
class Fitted:
    """The text of a file, or a section, as it can be written there."""

    text: str
    remarks: tuple[Remark, ...] = ()


class Fit(Protocol):
    """How a generated text is fitted to what others have written on the host.

    Two of the same are equal: generated files are compared.
    """

    def beside(self, path: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Return what has to be looked at; a name may have a `*`."""
        ...

    def fitted(self, text: str, around: bytes, others: Mapping[PurePosixPath, bytes]) -> Fitted:
        """Return what is to be written.

        *around*: the file without our section; nothing of a whole file.  *others*: what was found
        beside it.  Refused, with the remedy, where nothing can be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file of one line, which nobody but its owner and group may read."""

    path: str
    """Absolute, on the head node."""
    least: int = 1
    """Characters that it has to have."""
    in_url: bool = False
    """It is to be part of a URL."""

    @property
    def mark(self) -> str:
        """What stands in a text in its place."""
        return f"<<{self.path}>>"


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """What one host is to have at one path, and what it follows from."""

    path: PurePosixPath
    """Absolute, on the host."""
    text: str
    """The whole file, or the section, without the lines that mark it as ours."""
    objects: str
    """The objects that it follows from, for the line that marks it."""
    origin: tuple[tuple[str, str], ...] = ()
    """Each key, in an ini file as `[section]key`, and the object and property it follows from."""
    mode: int = 0o644
    """For a file that is not there yet; one that is there keeps its own."""
    group: str = ""
    """The same: who reads it besides its owner, and nobody where the host has no such group."""
    whole: bool = True
    """False: a section of a file whose rest is none of our business."""
    services: tuple[str, ...] = ()
    """What reads it only when it starts, by the names that distributions have for it."""
    secrets: tuple[SecretFile, ...] = ()
    """What the text has marks of, which are replaced before it goes to the host."""
    unready: str = ""
    """Why it cannot be made now; empty: it can."""
    needs_reboot: bool = False
    """The kernel reads it, and only when it starts."""
    has_secret_keys: bool = False
    """The text itself gives a value to a key that holds a secret by its name."""
    stays: bool = False
    """It is left where it is when it is not generated any more: a program is unsafe without it."""
    ini: bool = False
    """Config file modifications can edit it."""
    fit: Fit | None = None
    """How the text is fitted to what others have written on the host; None: as it is."""
    remarks: tuple[Remark, ...] = ()
    """What of the cluster the text leaves out."""

    @property
    def secret(self) -> bool:
        """Whether it holds a secret: one that is there loses what a new one would not have."""
        return self.has_secret_keys or bool(self.secrets)

    def content(self, before: bytes | None, fitted: str | None = None) -> bytes:
        """Return the bytes of the file, given those that stand there; Refused for broken marks.

        *fitted*: the text as it can be written on the host; None: as it is.
        """
        text = self.text if fitted is None else fitted
        if self.whole:
            return sections.whole(text, self.objects)
        return sections.with_section(before or b"", text, self.objects)

    def around(self, before: bytes | None) -> bytes:
        """Return what of the file is not ours, in its lines; Refused for broken marks."""
        return b"" if self.whole else sections.with_section_blank(before or b"")

    def owner(self, before: bytes | None) -> sections.TextOwner:
        """Tell whose *before* is, as far as it would be replaced."""
        find = sections.standing_of_whole if self.whole else sections.standing_of_section
        return find(before)


def looked_at(files: Mapping[PurePosixPath, GeneratedFile]) -> tuple[PurePosixPath, ...]:
    """Return the paths that have to be known to write *files*: also what they are fitted to."""
    beside = (
        each
        for path, file in files.items()
        if file.fit is not None
        for each in file.fit.beside(path)
    )
    return (*files, *beside)
