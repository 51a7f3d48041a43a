# SPDX-License-Identifier: Apache-2.0
"""Bring one host's files to what is generated for it, without losing what people wrote."""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ibstack.cluster.config import sections
from ibstack.cluster.config.generated import Fitted, Remark
from ibstack.cluster.config.sections import TextOwner
from ibstack.fabric.errors import BadValue, IbstackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import PurePosixPath

    from ibstack.cluster.config.generated import GeneratedFile


_PATTERN: Final = "|"


@functools.lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise BadValue("frozen files", _PATTERN + text, f"no regular expression: {error}") from None


def check(entry: str) -> None:
    """BadValue for an entry that can match nothing, or is no regular expression."""
    if entry.startswith(_PATTERN):
        _pattern(entry.removeprefix(_PATTERN))
    elif not entry.startswith("/"):
        raise BadValue("frozen files", entry, "expected an absolute path, or | and an expression")


def freezer(entries: Iterable[str], path: PurePosixPath) -> str | None:
    """Return the entry that freezes *path*, which a regular expression must match as a whole."""
    text = str(path)
    for entry in entries:
        if entry == text:
            return entry
        if entry.startswith(_PATTERN) and _pattern(entry.removeprefix(_PATTERN)).fullmatch(text):
            return entry
    return None


class FilesRead(Protocol):
    """The files of one host, looked at.  What cannot be read is an IbstackError that says why."""

    def read(self, path: PurePosixPath) -> bytes | None:
        """Return what stands there; None where there is no file."""
        ...

    def matching(self, pattern: PurePosixPath) -> Sequence[PurePosixPath]:
        """Return the files there whose names are *pattern*'s, in which `*` stands for any."""
        ...


class HostFiles(FilesRead, Protocol):
    """The files of one host.  What cannot be done is an IbstackError that says why."""

    def write(
        self,
        path: PurePosixPath,
        content: bytes,
        mode: int,
        group: str = "",
        *,
        secret: bool = False,
    ) -> str:
        """Replace the file in one step; one that is there keeps its mode and owner.

        A new one is its owner's alone where the host has no such *group*; empty: it needs none.
        With a *secret* in it one that is there loses what a new one would not have: returns how.
        """
        ...

    def remove(self, path: PurePosixPath) -> None:
        """Remove the file; one that is not there is well too."""
        ...

    def back_up(self, path: PurePosixPath) -> str:
        """Copy the file to where it is kept, and return that place."""
        ...


class FileAction(enum.Enum):
    """What is done with one file."""

    CREATE = "create"
    REPLACE = "replace"
    REMOVE = "remove"
    FROZEN = "frozen"
    """It differs, and is left alone as somebody asked."""
    BLOCKED = "blocked"
    """It cannot be read or made, or its marks are broken: a person has to look."""
    SHORT = "short"
    """It is as it can be, which is not all of what the cluster says."""


@dataclass(frozen=True, slots=True)
class FileStep:
    """One file that is not as it should be."""

    file: GeneratedFile
    action: FileAction
    before: bytes | None
    """What stands there; None: no file, or one that cannot be read."""
    after: bytes | None
    """What is to stand there; None: no file."""
    owner: TextOwner = TextOwner.OURS
    wanted: bool = True
    """False: it is not generated any more."""
    why: str = ""
    """Of FROZEN the entry that freezes it, of BLOCKED what is wrong."""
    remarks: tuple[Remark, ...] = ()
    """What is left out, because of what else stands there."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person is told besides."""
        return tuple(f"{self.file.path}: {each}" for each in self.remarks)

    @property
    def needs_backup(self) -> bool:
        """Whether what stands there is somebody's work, and is copied before it goes."""
        lost = self.action in (FileAction.REPLACE, FileAction.REMOVE)
        return lost and self.owner in (TextOwner.EDITED, TextOwner.FOREIGN)

    def __str__(self) -> str:
        text = f"{self.action.value} {self.file.path}"
        if self.why:
            return f"{text}: {self.why}"
        said = {
            TextOwner.EDITED: " (edited by hand)",
            TextOwner.FOREIGN: " (not written by ibstack)",
        }
        return text + (said[self.owner] if self.needs_backup else "")


@dataclass(frozen=True, slots=True)
class FileEvent:
    """What was done with one file, or why not."""

    step: FileStep
    kept: str = ""
    """Where the former file was put; empty: there was nothing to keep."""
    failed: str = ""
    """Why it could not be done; empty: it was."""
    narrowed: str = ""
    """How its mode was narrowed; empty: it was not."""

    def __str__(self) -> str:
        if self.failed:
            return f"{self.step.file.path}: {self.failed}"
        kept = f"; it is kept as {self.kept}" if self.kept else ""
        return f"{self.step}{kept}" + (f"; {self.narrowed}" if self.narrowed else "")

    def messages(self) -> Iterator[tuple[str, str]]:
        """Yield what there is to tell, with its severity: info, warning or error."""
        severity = "warning" if self.kept or self.narrowed else "info"
        if self.step.action is not FileAction.SHORT or self.failed:
            yield str(self), "error" if self.failed else severity
        yield from ((each, "warning") for each in self.step.warnings)


def plan_files(
    host_files: FilesRead,
    generated: Mapping[PurePosixPath, GeneratedFile],
    frozen: Iterable[str] = (),
    gone: Mapping[PurePosixPath, GeneratedFile] | None = None,
) -> tuple[FileStep, ...]:
    """Return what differs, in the order of paths; empty: nothing does.

    *gone* are files that were generated before: a whole file is removed, a section taken out, if we
    wrote it.
    """
    entries = tuple(frozen)
    steps = [_plan(host_files, file, entries) for file in generated.values()]
    for path, file in (gone or {}).items():
        if path not in generated and not file.stays:
            steps.append(_plan(host_files, file, entries, wanted=False))
    return tuple(sorted(filter(None, steps), key=lambda step: step.file.path))


def apply_files(host_files: HostFiles, steps: Iterable[FileStep]) -> tuple[FileEvent, ...]:
    """Carry out *steps*, each for itself: one that fails stops no other.

    Every file is looked at again first, so what was edited since the plan is kept aside as well.
    """
    events = (_apply(host_files, step) for step in steps)
    return tuple(event for event in events if event is not None)


def _plan(
    host_files: FilesRead, file: GeneratedFile, frozen: Iterable[str], *, wanted: bool = True
) -> FileStep | None:
    before, fitted = None, Fitted(file.text)
    try:
        before = host_files.read(file.path)
        owner = file.owner(before)
        if wanted and file.unready:
            raise IbstackError(file.unready)
        if wanted:
            fitted = _fitted(host_files, file, before)
            after: bytes | None = file.content(before, fitted.text)
        else:
            after = _without(file, before, owner)
    except IbstackError as error:
        return FileStep(file, FileAction.BLOCKED, before, before, wanted=wanted, why=str(error))
    remarks = fitted.remarks
    if after == before:
        short = FileStep(file, FileAction.SHORT, before, after, owner, remarks=remarks)
        return short if remarks else None
    entry = freezer(frozen, file.path)
    if entry is not None:
        return FileStep(file, FileAction.FROZEN, before, before, owner, wanted, entry)
    if after is None:
        return FileStep(file, FileAction.REMOVE, before, after, owner, wanted)
    action = FileAction.CREATE if before is None else FileAction.REPLACE
    return FileStep(file, action, before, after, owner, wanted, remarks=remarks)


def _fitted(host_files: FilesRead, file: GeneratedFile, before: bytes | None) -> Fitted:
    """Return the text as it can be written beside what others have on the host."""
    if file.fit is None:
        return Fitted(file.text, file.remarks)
    others: dict[PurePosixPath, bytes] = {}
    unread: list[Remark] = []
    for pattern in file.fit.beside(file.path):
        for path in host_files.matching(pattern):
            try:
                content = host_files.read(path) if path != file.path else None
            except IbstackError as error:
                unread.append(Remark(str(path), "looked at", str(error)))
                continue
            if content is not None:
                others[path] = content
    fitted = file.fit.fitted(file.text, file.around(before), others)
    return Fitted(fitted.text, (*file.remarks, *fitted.remarks, *unread))


def _without(file: GeneratedFile, before: bytes | None, owner: TextOwner) -> bytes | None:
    """Return what is left where the file is not generated any more."""
    if before is None or owner in (TextOwner.ABSENT, TextOwner.FOREIGN):
        return before
    rest = b"" if file.whole else sections.without_section(before)
    return rest or None


def _apply(host_files: HostFiles, step: FileStep) -> FileEvent | None:
    if step.action is FileAction.FROZEN:
        return None
    now = _plan(host_files, step.file, (), wanted=step.wanted)
    if now is None or now.action is FileAction.SHORT:
        return None if now is None else FileEvent(now)
    if now.action is FileAction.BLOCKED:
        return FileEvent(now, failed=now.why)
    kept, narrowed = "", ""
    file = now.file
    try:
        if now.needs_backup:
            kept = host_files.back_up(now.file.path)
        if now.after is None:
            host_files.remove(now.file.path)
        else:
            narrowed = host_files.write(
                file.path, now.after, file.mode, file.group, secret=file.secret
            )
    except IbstackError as error:
        return FileEvent(now, kept, str(error))
    return FileEvent(now, kept, narrowed=narrowed)
