# SPDX-License-Identifier: Apache-2.0
"""Putting a file in place in one step, so that no end of this process leaves half of one."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

SCRATCH: Final = ".ibstack-new"
"""How the name of a file ends that was not finished; it begins with a dot."""


def replace_file(
    path: str | os.PathLike[str], content: str | bytes, *, mode: int | None = None
) -> None:
    """Put *content* at *path* so that any reader sees the old file or the new one, whole.

    It is on the disk when this returns.  Mode and owner of a file that is there are kept, and a new
    one has 0644; or the file has *mode*, and is this process's.  OSError: nothing is left behind.
    """
    folder, name = os.path.split(os.fspath(path))
    scratch = os.path.join(folder, f".{name}{SCRATCH}")
    with suppress(FileNotFoundError):
        os.unlink(scratch)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as out:
            out.write(content.encode() if isinstance(content, str) else content)
            out.flush()
            if mode is None:
                _copy_owner(path, descriptor)
            else:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(scratch, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(scratch)
        raise
    sync_folder(folder or ".")


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Have the names in *folder* on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_owner(path: str | os.PathLike[str], descriptor: int) -> None:
    try:
        before = os.stat(path)
    except FileNotFoundError:
        os.fchmod(descriptor, 0o644)
        return
    os.fchmod(descriptor, before.st_mode & 0o7777)
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(descriptor, before.st_uid, before.st_gid)
