# SPDX-License-Identifier: Apache-2.0
"""Another commit of this repository, in a folder of its own, with its own environment."""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, CommandFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARED: Final = (".cache/uv", ".cache/bootstrap", ".cache/network-manager")
"""What its tools/setup would fetch: whatever is here already."""
_PEER: Final = (".venv-peer", "requirements/peer.txt")


@contextmanager
def checked_out(root: Path, commit: str, folder: Path | None) -> Iterator[Path]:
    """Yield a tree of *commit* of the repository at *root* that can be measured.

    It is gone afterwards but where a *folder* is given, which is used again the next time.
    BadInput for what is no commit; CommandFailed where its environment cannot be made.
    """
    sha = resolved(root, commit)
    if folder is not None:
        _prepare(root, sha, folder)
        yield folder
        return
    made = Path(tempfile.mkdtemp(prefix="ibstack-against-"))
    try:
        _prepare(root, sha, made / "tree")
        yield made / "tree"
    finally:
        shutil.rmtree(made, ignore_errors=True)


def resolved(root: Path, commit: str) -> str:
    """Return the full name of *commit*; BadInput where the repository has none of that name."""
    argv = ("git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise BadInput(f"cannot measure against {commit!r}: this repository has no such commit")
    return done.stdout.strip()


def _prepare(root: Path, sha: str, folder: Path) -> None:
    if not (folder / ".git").exists():
        _run("clone", ("git", "clone", "-q", "--shared", "--no-checkout", root, folder), root)
    _run("check out", ("git", "checkout", "-q", "--detach", sha), folder)
    (folder / ".cache").mkdir(exist_ok=True)
    for name in _SHARED:
        _link(root / name, folder / name)
    peer, pinned = _PEER
    if filecmp.cmp(root / pinned, folder / pinned, shallow=False):
        _link(root / peer, folder / peer)  # Another one would be installed over ours.
    _run("make an environment for", ("tools/setup", "bench"), folder)


def _link(to: Path, at: Path) -> None:
    if to.exists() and not at.exists():
        at.symlink_to(to.resolve())


def _run(what: str, argv: tuple[str | Path, ...], cwd: Path) -> None:
    words = [str(each) for each in argv]
    done = subprocess.run(words, cwd=cwd, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise CommandFailed(tuple(words), done.returncode, done.stderr, f"{what} the other commit")
