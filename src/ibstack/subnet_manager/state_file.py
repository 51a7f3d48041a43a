# SPDX-License-Identifier: Apache-2.0
"""Putting a file in place in one step, so that no end of this process leaves half of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.fabric.errors import TryLater
from ibstack.runtime.atomic_file import replace_file

if TYPE_CHECKING:
    from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Put *text* at *path* so that any reader sees the old file or the new one, whole.

    Mode and owner of a file that is there already are kept.  TryLater where it cannot be written,
    as on a full disk: nothing is left behind then.
    """
    try:
        replace_file(path, text)
    except OSError as error:
        raise cannot_write(path, error) from error


def store(path: Path, text: str) -> None:
    """Put *text* at *path* as replace() does, in a folder that is made where there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    replace(path, text)


def cannot_write(path: Path, error: OSError) -> TryLater:
    """Return what to raise where *path* could not be written."""
    return TryLater(f"cannot write {path}: {error.strerror}; make room, it is tried again")
