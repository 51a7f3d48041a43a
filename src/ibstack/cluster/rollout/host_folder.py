# SPDX-License-Identifier: Apache-2.0
"""The files of a host, or of a software image, below one folder of this machine."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError, Refused
from ibstack.transport import remote_files
from ibstack.transport.backups import KEPT, stamp

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
        with _with_message("read", path):
            return remote_files.read(self._root, str(path))

    def matching(self, pattern: PurePosixPath) -> tuple[PurePosixPath, ...]:
        return tuple(map(PurePosixPath, remote_files.matching(self._root, str(pattern))))

    def write(
        self,
        path: PurePosixPath,
        content: bytes,
        mode: int,
        group: str = "",
        *,
        secret: bool = False,
    ) -> str:
        with _with_message("write", path):
            return remote_files.write(self._root, str(path), content, mode, group, secret)

    def remove(self, path: PurePosixPath) -> None:
        with _with_message("remove", path):
            remote_files.remove(self._root, str(path))

    def back_up(self, path: PurePosixPath) -> str:
        with _with_message("keep", path):
            return remote_files.keep(self._root, str(path), self._kept, stamp(self._now()))


@contextmanager
def _with_message(wanted: str, path: PurePosixPath) -> Iterator[None]:
    try:
        yield
    except remote_files.Refusal as error:
        raise Refused(remote_files.failure(wanted, str(path), error)) from error
    except OSError as error:
        raise IbstackError(remote_files.failure(wanted, str(path), error)) from error
