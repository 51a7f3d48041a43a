# SPDX-License-Identifier: Apache-2.0
"""One process that may be an OpenSM: what it reads, and whether it is ready for a signal.

Anybody may read a process's command line and status.  Its root, working folder and program are for
its own user, and for who has all of its capabilities (proc(5), ptrace access mode): the unit of
ibstack-fabricd has few, so these may be out of reach.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from ibstack.formats.opensm import built_in, command_line
from ibstack.formats.opensm.configuration import Configuration
from ibstack.formats.opensm.in_force import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from io import FileIO

    from ibstack.formats.opensm.built_in import BuiltIn

_PROGRAM: Final = "opensm"
_PIECE: Final = 1 << 20
_OVERLAP: Final = 1 << 16
"""Its help, in which both paths of a build stand, has some ten thousand bytes."""
_MOST_PIECES: Final = 64
"""Debian's program has less than 2 MiB."""
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class OpenSmProcess:
    """A process by its folder in /proc."""

    folder: Path

    @property
    def pid(self) -> int:
        return int(self.folder.name)

    def is_opensm(self) -> bool:
        """Tell whether it is one that runs; a zombie has no command line."""
        return self._text("comm").strip() == _PROGRAM and bool(self._argv())

    def is_of(self, users: Collection[int]) -> bool:
        """Tell whether it can only do what *users* had it do: root, say, and this process's own.

        Its name and its command line anybody may choose.  All its user ids are to be among them,
        and its program is to be theirs and not for others to write, where that may be looked at.
        """
        told = [int(word) for word in self._status("Uid")]
        if not told:
            try:
                told = [self.folder.stat().st_uid]
            except OSError:
                return False  # It has gone.
        if not set(told) <= set(users):
            return False
        try:
            program = (self.folder / "exe").stat()
        except OSError:
            return True
        by_group = program.st_mode & stat.S_IWGRP and program.st_gid != 0
        return program.st_uid in users and not (program.st_mode & stat.S_IWOTH or by_group)

    def catches(self, signal: int) -> bool:
        """Tell whether it has a handler for *signal* (proc(5), SigCgt)."""
        caught = self._status("SigCgt")
        return bool(caught) and bool(int(caught[0], 16) >> (signal - 1) & 1)

    def reads(self, wanted: Path) -> bool | None:
        """Tell whether its partitions file is *wanted*; None: not known.

        A path means another file to a process in a container, or with another root.
        """
        answers = [self._is(path, wanted) for path in self._partitions()]
        if True in answers:
            return True
        return None if None in answers else False

    def program_holds(self, words: bytes) -> bool | None:
        """Tell whether its program has those bytes; None where it may not be read."""
        found = self._first_in_program(lambda piece: words in piece or None)
        return found if found is None else bool(found)

    def _first_in_program(
        self, find: Callable[[bytes], _Found | None]
    ) -> _Found | Literal[False] | None:
        """Return what *find* finds first in its program; False: nothing; None: it is not readable.

        The program is read in pieces that overlap: it may be of any size.
        """
        name = next(iter(self._argv()), "")
        named = name if "/" in name else shutil.which(name)
        for path in (self.folder / "exe", *([self._absolute(named)] if named else [])):
            try:
                with path.open("rb", buffering=0) as file:
                    return _first(file, find)
            except OSError:
                continue
        return None

    def _partitions(self) -> Iterator[str]:
        """Yield the path of its partitions file; two where nothing tells which build it is of."""
        told = command_line.read(self._argv())
        config = told.last(command_line.CONFIG)
        if config is not None or told.last(command_line.PARTITIONS) is not None:
            named = Options(told, self._configuration(config)).partitions()
            if named is not None:
                yield named
                return
        for build in self._builds():
            read = build.config if config is None else config
            named = Options(told, self._configuration(read)).partitions()
            yield build.partitions if named is None else named

    def _builds(self) -> Sequence[BuiltIn]:
        found = self._first_in_program(lambda piece: built_in.of_program(piece.decode("latin-1")))
        return (found,) if found else built_in.USUAL

    def _configuration(self, path: str | None) -> Configuration:
        if not path:
            return Configuration()
        try:
            return Configuration.read(self._seen_from_here(path).read_bytes())
        except (OSError, ValueError):
            return Configuration()

    def _is(self, path: str, wanted: Path) -> bool | None:
        if not path:
            return False
        try:
            (self.folder / "root").readlink()
        except OSError:
            # FileOwner root may not be looked at has ours, unless it is in a container.
            inside = len(self._status("NSpid")) > 1
            same = self._absolute(path).resolve() == wanted.resolve()
            return None if inside else same
        return _is_one_file(self._seen_from_here(path), wanted)

    def _seen_from_here(self, path: str) -> Path:
        """Return where the process's file is to be found from here."""
        absolute = self._absolute(path)
        root = self.folder / "root"
        return root / absolute.relative_to("/") if os.access(root, os.X_OK) else absolute

    def _absolute(self, path: str) -> Path:
        try:
            cwd = (self.folder / "cwd").readlink()
        except OSError:
            cwd = Path("/")  # It may not be looked at; a service is started there.
        return cwd / path

    def _argv(self) -> list[str]:
        """Return its command line; nothing where it has gone."""
        try:
            content = (self.folder / "cmdline").read_bytes()
        except OSError:
            return []
        return [os.fsdecode(word) for word in content.split(b"\0")[:-1]]

    def _status(self, name: str) -> list[str]:
        lines = (line.split() for line in self._text("status").splitlines())
        return next((words[1:] for words in lines if words[:1] == [f"{name}:"]), [])

    def _text(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(errors="replace")
        except OSError:
            return ""


def _first(file: FileIO, find: Callable[[bytes], _Found | None]) -> _Found | Literal[False]:
    """Return what *find* finds first in pieces of the file; False: nothing."""
    kept = b""
    for _ in range(_MOST_PIECES):
        read = file.read(_PIECE)
        if not read:
            break
        found = find(kept + read)
        if found is not None:
            return found
        kept = (kept + read)[-_OVERLAP:]
    return False


def _is_one_file(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one file, be it there or not yet."""
    try:
        return one.samefile(other)
    except OSError:
        pass
    if one.exists() or other.exists():
        return False
    other = other.resolve()
    try:
        return one.name == other.name and one.parent.samefile(other.parent)
    except OSError:
        return False
