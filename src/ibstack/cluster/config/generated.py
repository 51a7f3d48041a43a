# SPDX-License-Identifier: Apache-2.0
"""A generated file, or a generated section of a file that belongs to somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.cluster.config import sections

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath

    from ibstack.cluster.config.remark import Fit, Remark
    from ibstack.cluster.config.secret_file import SecretFile


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

    def standing(self, before: bytes | None) -> sections.Standing:
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
