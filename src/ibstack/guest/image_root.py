# SPDX-License-Identifier: Apache-2.0
"""Files into the tree of a guest's image, or of the guest itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError, Refused
from ibstack.runtime.atomic_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ibstack.guest.config_file import ConfigFile


def write_files(files: Sequence[ConfigFile], root: Path, *, replace: bool) -> list[Path]:
    """Write *files* below *root*, each at once or not at all; return where they are.

    Refused, with nothing written, where one is there with another content and not *replace*.
    """
    paths = [_inside(root, file) for file in files]
    for file, path in zip(files, paths, strict=True):
        if not replace and path.exists() and path.read_bytes() != file.text.encode():
            raise Refused(
                f"cannot write {path}: it is there, and says something else; look at it, and"
                " replace it with --force"
            )
    for file, path in zip(files, paths, strict=True):
        try:
            _write(path, file)
        except OSError as error:
            raise IbstackError(f"cannot write {path}: {error.strerror}") from error
    return paths


def _inside(root: Path, file: ConfigFile) -> Path:
    """Return where *file* goes; Refused where a link of the image leads out of it."""
    path = root / file.path.lstrip("/")
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise Refused(
            f"cannot write {path}: a link in it leads out of {root}; run this inside the image"
        )
    return path


def _write(path: Path, file: ConfigFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, file.text, mode=file.mode)
