# SPDX-License-Identifier: Apache-2.0
"""The trees of software images: copied by cp, and put onto hosts by rsync."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, CommandFailed, IbstackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_ONLY_OLD: Final = "no-new-files:"


def copy(source: Path, target: Path, doing: str, *, apart: bool, lock: int) -> None:
    """Copy a tree; links stay links, and file systems that can share the blocks do.

    *doing* begins what is said of a failure.  *apart*: a terminal's Ctrl-C does not end it.
    *lock* is held until it is over, whatever becomes of this process.
    """
    argv = ("cp", "--archive", "--reflink=auto", "--", str(source), str(target))
    _run(argv, doing, apart=apart, locks=(lock,))


def install(source: Path, root: Path, excluded: Iterable[str]) -> None:
    """Put the image on a disk that was made anew, but for what *excluded* says."""
    shutil.rmtree(root, ignore_errors=True)
    _rsync(source, root, (*_excludes(excluded),))


def update(source: Path, root: Path, excluded: Iterable[str], kept: Iterable[str]) -> None:
    """Make what is at *root* as the image is: what the image has not got goes.

    *excluded* are lines of an exclude list: what is on the host stays as it is, and what is missing
    is copied, unless the line begins with `no-new-files:`.  *kept* are paths that are left alone.
    """
    lines, alone = tuple(excluded), tuple(f"--exclude={path}" for path in kept)
    _rsync(source, root, ("--delete", *alone, *_excludes(lines)))
    never = (line for line in lines if line.strip().startswith(_ONLY_OLD))
    _rsync(source, root, ("--ignore-existing", *alone, *_excludes(never)))


def clear(folder: Path) -> None:
    """Empty a folder that is there; one that is not stays away."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
        folder.mkdir()


def _excludes(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        pattern = line.strip().removeprefix(_ONLY_OLD).strip().removeprefix("- ").strip()
        if pattern and not pattern.startswith("#"):
            yield f"--exclude={pattern}"


def _rsync(source: Path, root: Path, options: Sequence[str]) -> None:
    doing = f"install {root} from {source}"
    if not source.is_dir():
        raise BadInput(f"cannot {doing}: there is no such folder; copy the image there")
    root.mkdir(parents=True, exist_ok=True)
    argv = ("rsync", "--archive", "--hard-links", "--numeric-ids", *options)
    _run((*argv, "--", f"{source}/", f"{root}/"), doing)


def _run(
    argv: Sequence[str], doing: str, *, apart: bool = False, locks: Sequence[int] = ()
) -> None:
    group = 0 if apart else None
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            check=False,
            process_group=group,
            pass_fds=locks,
        )
    except FileNotFoundError as error:
        raise IbstackError(f"cannot {doing}: there is no {argv[0]}; install it") from error
    if done.returncode:
        raise CommandFailed(tuple(argv), done.returncode, done.stderr, doing)
