# SPDX-License-Identifier: Apache-2.0
"""The copy of a software image's tree: it takes minutes, and says how far it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ibstack.cluster.rollout.events import Event
from ibstack.cluster.rollout.image_copy import ImageCopying, unfinished
from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from ibstack.cluster.rollout.image_copies import ImageCopy

_WHOLE: int = 100


class ImageJob:
    """Copies one tree.  Implements Job."""

    def __init__(
        self, copy: ImageCopy, images: Path, head: str, now: Callable[[], datetime]
    ) -> None:
        """*images*: what the paths are below of.  *head*: who is told to do it."""
        self._copy = copy
        self._source = images / copy.source.lstrip("/")
        self._target = images / copy.target.lstrip("/")
        self._copying = ImageCopying(self._target)
        self._head = head
        self._now = now
        self._size_bytes: int | None = None

    def __str__(self) -> str:
        return f"copy {self._copy.source} to {self._copy.target}"

    def claim(self) -> bool:
        """Return whether it is for us to do: not there yet, and nobody else is at it.

        Then it stays ours until it is run; where we are killed before, it counts as cut off.
        """
        if self._target.exists():
            return False
        try:
            return self._copying.claim()
        except OSError:
            return True  # Where it is run the same goes wrong, and is told.

    def run(self, report: Callable[[Event], None], *, own_process_group: bool = False) -> None:
        if self._target.exists():
            self._copying.close()
            return
        names = f"{self._copy.source} -> {self._copy.target}"
        report(Event(self._now(), "notice", self._head, f"Started to copy: {names}"))
        try:
            self._copying.copy(self._source, own_process_group=own_process_group)
        except IbstackError as error:
            report(Event(self._now(), "error", self._head, str(error)))
        else:
            report(Event(self._now(), "notice", self._head, f"Copied: {names}"))
        finally:
            self._copying.close()

    def percent(self) -> int | None:
        if self._size_bytes is None:
            self._size_bytes = _bytes_in(self._source)
        if not self._size_bytes:
            return None
        done = _bytes_in(unfinished(self._target))
        # What is written down last is counted before it is: never say that all is done.
        return min(_WHOLE * done // self._size_bytes, _WHOLE - 1)


def _bytes_in(folder: Path) -> int:
    """Return how many bytes the files below have; those that vanish meanwhile have none."""
    size_bytes = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                size_bytes += os.lstat(os.path.join(path, name)).st_size
            except OSError:
                continue
    return size_bytes
