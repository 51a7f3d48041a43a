# SPDX-License-Identifier: Apache-2.0
"""The files of a host, or of a software image, below one folder of this machine."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ibstack.cluster.hosts import far_files
from ibstack.cluster.hosts.settings import KEPT
from ibstack.fabric.errors import IbstackError, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path


class HostFolder:
    """A folder that is `/` of a host; nothing outside of it is ever touched."""

    def __init__(self, root: Path, now: Callable[[], datetime], kept: PurePosixPath = KEPT) -> None:
        """*now* dates what is kept aside below *kept*, in UTC."""
        self._root = str(root)
        self._now = now
        self._kept = str(kept)

    def read(self, path: PurePosixPath) -> bytes | None:
        with _told("read", path):
            return far_files.read(self._root, str(path))

    def matching(self, pattern: PurePosixPath) -> tuple[PurePosixPath, ...]:
        return tuple(map(PurePosixPath, far_files.matching(self._root, str(pattern))))

    def write(self, path: PurePosixPath, content: bytes, mode: int, group: str = "") -> None:
        with _told("write", path):
            far_files.write(self._root, str(path), content, mode, group)

    def remove(self, path: PurePosixPath) -> None:
        with _told("remove", path):
            far_files.remove(self._root, str(path))

    def keep_aside(self, path: PurePosixPath) -> str:
        with _told("keep", path):
            return far_files.keep(self._root, str(path), self._kept, stamp(self._now()))


def stamp(now: datetime) -> str:
    """Return what a file that is kept aside is dated with."""
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


@contextmanager
def _told(wanted: str, path: PurePosixPath) -> Iterator[None]:
    try:
        yield
    except far_files.Refusal as error:
        raise Refused(far_files.failure(wanted, str(path), error)) from error
    except OSError as error:
        raise IbstackError(far_files.failure(wanted, str(path), error)) from error
