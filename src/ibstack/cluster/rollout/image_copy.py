# SPDX-License-Identifier: Apache-2.0
"""The copy of a software image's tree: where it stands, who makes it, and how far it is.

Until all of it is there a copy is a folder beside its place.  A lock file beside that says that it
was asked for; who makes it holds the lock, and cp inherits it: where a shell is killed and cp goes
on, nobody begins anew meanwhile.  A lock file that nobody holds is what a copy left that was cut
off.
"""

from __future__ import annotations

import enum
import fcntl
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.cluster.rollout import image_tree
from ibstack.cluster.rollout.events import Event
from ibstack.fabric.errors import BadInput, IbstackError, TryLater

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ImageCopy:
    """A software image whose tree is to be made by copying another's."""

    source: str
    """Path of its tree."""
    target: str


class TreeState(enum.Enum):
    """Where the tree of an image stands.  The value ends a sentence that names it."""

    THERE = "is there"
    UNDER_WAY = "is still being copied; try again when that is done (jobs -w waits for it)"
    CUT_OFF = "is copied in part only; the next commit, or ibstack cluster bring, copies it anew"
    MISSING = "is not there; make it"


def tree_state(tree: Path) -> TreeState:
    """Return where *tree* stands."""
    if tree.exists():
        return TreeState.THERE
    try:
        lock = os.open(_lock_of(tree), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return TreeState.CUT_OFF if unfinished(tree).is_dir() else TreeState.MISSING
    try:
        return TreeState.CUT_OFF if _is_free(lock) else TreeState.UNDER_WAY
    finally:
        os.close(lock)


def unfinished(tree: Path) -> Path:
    """Return where a copy is while it is not all there."""
    return tree.with_name(f".{tree.name}.copying")


class ImageCopying:
    """The right to make one tree: claimed by one process at a time, and given back by close()."""

    def __init__(self, tree: Path) -> None:
        self._tree = tree
        self._lock: int | None = None

    def claim(self) -> bool:
        """Return whether nobody else makes it; OSError where there can be no such folder."""
        if self._lock is not None:
            return True
        self._tree.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(_lock_of(self._tree), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while _is_free(lock):
            with suppress(
                BlockingIOError
            ):  # Somebody looks where it stands: in a moment it is ours.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._lock = lock
                return True
        os.close(lock)
        return False

    def copy(self, source: Path, *, own_process_group: bool = False) -> None:
        """Copy: links stay links, and file systems that can share the blocks do.

        The tree is there when all of it is; what a copy left that was cut off goes first.
        *own_process_group*: a Ctrl-C of the terminal is meant for something else.
        """
        half = unfinished(self._tree)
        doing = f"copy {source} to {self._tree}"
        if not source.is_dir():
            raise BadInput(f"cannot {doing}: {source} {tree_state(source).value}")
        try:
            if not self.claim() or self._lock is None:
                raise TryLater(f"cannot {doing}: somebody else copies it already")
            shutil.rmtree(half, ignore_errors=True)
            image_tree.copy(
                source, half, doing, own_process_group=own_process_group, lock=self._lock
            )
            half.rename(self._tree)
            _lock_of(self._tree).unlink()
        except OSError as error:
            raise IbstackError(f"cannot {doing}: {error.strerror}") from error

    def close(self) -> None:
        """Give the right back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _lock_of(tree: Path) -> Path:
    return tree.with_name(f".{tree.name}.copying.lock")


def _is_free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(lock, fcntl.LOCK_UN)
    except BlockingIOError:
        return False
    return True


_WHOLE: int = 100


class ImageJob:
    """Copies one tree.  Implements Job."""

    def __init__(
        self, copy: ImageCopy, images: Path, head: str, now: Callable[[], datetime]
    ) -> None:
        """*images*: what the paths are below of.  *head*: who is told to do it."""
        self._copy = copy
        self._source = images / copy.source.lstrip("/")
        self._target = images / copy.target.lstrip("/")
        self._copying = ImageCopying(self._target)
        self._head = head
        self._now = now
        self._size_bytes: int | None = None

    def __str__(self) -> str:
        return f"copy {self._copy.source} to {self._copy.target}"

    def claim(self) -> bool:
        """Return whether it is for us to do: not there yet, and nobody else is at it.

        Then it stays ours until it is run; where we are killed before, it counts as cut off.
        """
        if self._target.exists():
            return False
        try:
            return self._copying.claim()
        except OSError:
            return True  # Where it is run the same goes wrong, and is told.

    def run(self, report: Callable[[Event], None], *, own_process_group: bool = False) -> None:
        if self._target.exists():
            self._copying.close()
            return
        names = f"{self._copy.source} -> {self._copy.target}"
        report(Event(self._now(), "notice", self._head, f"Started to copy: {names}"))
        try:
            self._copying.copy(self._source, own_process_group=own_process_group)
        except IbstackError as error:
            report(Event(self._now(), "error", self._head, str(error)))
        else:
            report(Event(self._now(), "notice", self._head, f"Copied: {names}"))
        finally:
            self._copying.close()

    def percent(self) -> int | None:
        if self._size_bytes is None:
            self._size_bytes = _bytes_in(self._source)
        if not self._size_bytes:
            return None
        done = _bytes_in(unfinished(self._target))
        # What is written down last is counted before it is: never say that all is done.
        return min(_WHOLE * done // self._size_bytes, _WHOLE - 1)


def _bytes_in(folder: Path) -> int:
    """Return how many bytes the files below have; those that vanish meanwhile have none."""
    size_bytes = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                size_bytes += os.lstat(os.path.join(path, name)).st_size
            except OSError:
                continue
    return size_bytes
