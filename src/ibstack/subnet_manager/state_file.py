# SPDX-License-Identifier: Apache-2.0
"""Putting a file in place in one step, so that no end of this process leaves half of one."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ibstack.fabric.errors import TryLater

if TYPE_CHECKING:
    from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Put *text* at *path* so that any reader sees the old file or the new one, whole.

    Mode and owner of a file that is there already are kept.  TryLater where it cannot be written,
    as on a full disk: nothing is left behind then.
    """
    scratch = path.with_name(f".{path.name}.ibstack-new")
    try:
        _replace(path, scratch, text)
    except OSError as error:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> TryLater:
    """Return what to raise where *path* could not be written."""
    return TryLater(f"cannot write {path}: {error.strerror}; make room, it is tried again")


def _replace(path: Path, scratch: Path, text: str) -> None:
    with scratch.open("w", encoding="ascii", newline="\n") as out:
        out.write(text)
        out.flush()
        _copy_owner(path, out.fileno())
        os.fsync(out.fileno())
    scratch.replace(path)
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _copy_owner(path: Path, descriptor: int) -> None:
    try:
        before = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, 0o644)
        return
    os.fchmod(descriptor, before.st_mode & 0o7777)
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(descriptor, before.st_uid, before.st_gid)
