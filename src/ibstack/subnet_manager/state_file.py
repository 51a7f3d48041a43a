# SPDX-License-Identifier: Apache-2.0
"""Putting a file in place in one step, so that no end of this process leaves half of one."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import TryLater
from ibstack.runtime.atomic_file import replace_file

if TYPE_CHECKING:
    from pathlib import Path


_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def store(path: Path, text: str) -> None:
    """Put *text* at *path* as replace() does, in a folder of fabricd's own: made where missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    replace(path, text)


def replace(path: Path, text: str) -> None:
    """Put *text* at *path* so that any reader sees the old file or the new one, whole.

    Mode and owner of a file that is there already are kept.  TryLater where it cannot be written,
    as on a full disk: nothing is left behind then.
    """
    try:
        replace_file(path, text)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_read(path: Path, error: OSError) -> TryLater:
    """Return what to raise where *path*, which is there, could not be read."""
    return TryLater(
        f"cannot read {path}: {error.strerror}; run this as root, or make it a file of the user of"
        " ibstack-fabricd"
    )


def cannot_write(path: Path, error: OSError) -> TryLater:
    """Return what to raise where *path* could not be written."""
    remedy = "make room" if error.errno in _FULL else "let the user of ibstack-fabricd write there"
    return TryLater(f"cannot write {path}: {error.strerror}; {remedy}, it is tried again")
