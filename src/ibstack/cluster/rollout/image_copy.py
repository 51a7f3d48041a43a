# SPDX-License-Identifier: Apache-2.0
"""The copy of an image's tree: where it stands, and who makes it.

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
from typing import TYPE_CHECKING

from ibstack.cluster.rollout import image_tree
from ibstack.fabric.errors import BadInput, IbstackError, TryLater

if TYPE_CHECKING:
    from pathlib import Path


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
