# SPDX-License-Identifier: Apache-2.0
"""The files of a host that were collected into a folder, HOST/etc/… and others.

No link is followed, for a collection may come from anybody, and nothing large is read.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LARGEST: Final = 4 << 20
"""Bytes; what is larger is nothing that a check reads."""


def names_below(host: Path, part: str) -> Iterator[str]:
    """Yield the names of the files below *part* of a host's folder, such as `etc/rc.local`."""
    if not (host / part).resolve().is_relative_to(host.resolve()):
        return  # os.walk() follows a link at its beginning.
    for folder, below, files in os.walk(host / part):
        below.sort()
        for file in sorted(files):
            path = os.path.join(folder, file)
            if not os.path.islink(path) and os.path.isfile(path) and _is_small(path):
                yield os.path.relpath(path, host)


def is_collected(host: Path, name: str) -> bool:
    """Tell whether a file is there, in the host's own folder.  Somebody may have written *name*."""
    path = host / name
    try:
        is_own = path.is_file() and path.resolve() == host.resolve() / name
        return is_own and _is_small(path)
    except (OSError, ValueError):
        return False  # A name that is too long, say, or that leads out of the folder.


def content_of(path: Path) -> bytes:
    """Return what a file holds; BadInput where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error


def _is_small(path: str | Path) -> bool:
    return os.stat(path).st_size <= _LARGEST
