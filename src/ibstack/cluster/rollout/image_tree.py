# SPDX-License-Identifier: Apache-2.0
"""What installations run: cp and rsync, for the trees of software images, and their scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.exclude_list import ExcludeLine, exactly, read_exclude_list
from ibstack.fabric.errors import BadInput, CommandFailed, IbstackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_KEEPS: Final = ("--archive", "--hard-links", "--acls", "--xattrs", "--sparse", "--numeric-ids")
"""What a file is besides its content, as `cp --archive` keeps it: capabilities are attributes."""


def copy(source: Path, target: Path, doing: str, *, own_process_group: bool, lock: int) -> None:
    """Copy a tree; links stay links, and file systems that can share the blocks do.

    *doing* begins what is said of a failure.  *own_process_group*: a Ctrl-C does not end it.
    *lock* is held until it is over, whatever becomes of this process.
    """
    argv = ("cp", "--archive", "--reflink=auto", "--", str(source), str(target))
    _run(argv, doing, own_process_group=own_process_group, locks=(lock,))


def install(source: Path, root: Path, excluded: Iterable[str]) -> None:
    """Put the image on a disk that was made anew, but for what *excluded* says.

    BadInput for a line of it that is no pattern; the disk is as it was then.
    """
    options = _options(_patterns(source, root, excluded))
    shutil.rmtree(root, ignore_errors=True)
    _rsync(source, root, options)


def update(source: Path, root: Path, excluded: Iterable[str], kept: Iterable[str]) -> None:
    """Make what is at *root* as the image is: what the image has not got goes.

    *excluded* are lines of an exclude list: what is on the host stays as it is, and what is missing
    is copied, unless the line begins with `no-new-files:`.  *kept* are paths that are left alone.
    BadInput for a line that is no pattern; nothing was done then.
    """
    patterns = _patterns(source, root, excluded)
    alone = tuple(f"--exclude={exactly(path)}" for path in kept)
    _rsync(source, root, ("--delete", *alone, *_options(patterns)))
    never = (each for each in patterns if each.only_old)
    _rsync(source, root, ("--ignore-existing", *alone, *_options(never)))


def clear(folder: Path) -> None:
    """Empty a folder that is there; one that is not stays away."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
        folder.mkdir()


def _patterns(source: Path, root: Path, lines: Iterable[str]) -> tuple[ExcludeLine, ...]:
    patterns, faults = read_exclude_list(lines)
    if faults:
        said = "; ".join(map(str, faults))
        raise BadInput(f"cannot install {root} from {source}: its exclude list has {said}")
    return patterns


def _options(patterns: Iterable[ExcludeLine]) -> tuple[str, ...]:
    return tuple(f"--exclude={each.pattern}" for each in patterns)


def _rsync(source: Path, root: Path, options: Sequence[str]) -> None:
    doing = f"install {root} from {source}"
    if not source.is_dir():
        raise BadInput(f"cannot {doing}: there is no such folder; copy the image there")
    root.mkdir(parents=True, exist_ok=True)
    _run(("rsync", *_KEEPS, *options, "--", f"{source}/", f"{root}/"), doing)


def run_script(text: str, file: Path, environment: Mapping[str, str], doing: str) -> str:
    """Write *text* to *file* and run it, by /bin/sh where it names no program; return its output.

    Its working directory is that of the file, and its environment is ours and *environment*.
    """
    argv = (str(file),) if text.startswith("#!") else ("/bin/sh", str(file))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o700)
        done = subprocess.run(
            argv,
            cwd=file.parent,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise IbstackError(f"cannot {doing}: {error.strerror}") from error
    if done.returncode:
        raise CommandFailed(argv, done.returncode, done.stderr, doing)
    return done.stdout + done.stderr


def _run(
    argv: Sequence[str], doing: str, *, own_process_group: bool = False, locks: Sequence[int] = ()
) -> None:
    group = 0 if own_process_group else None
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
