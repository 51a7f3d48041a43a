# SPDX-License-Identifier: Apache-2.0
"""libvirt's event loop: what happens to domains is queued, and given to callbacks by its thread."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_RETURN_AFTER_S: Final = 1.0
"""As with a timer of libvirt's own: the loop's thread sees that its process is to end."""

_queued: Final[queue.SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]]] = (
    queue.SimpleQueue()
)


def virEventRegisterDefaultImpl() -> int:
    return 0


def virEventRunDefaultImpl() -> int:
    """Wait for one event, and have its callback called in this thread."""
    try:
        callback, arguments = _queued.get(timeout=_RETURN_AFTER_S)
    except queue.Empty:
        return 0
    callback(*arguments)
    return 0


class Callbacks:
    """Who is told of what on one connection."""

    def __init__(self) -> None:
        self._registered: dict[int, tuple[Callable[..., object], Any]] = {}

    def register(self, event: int, callback: Callable[..., object], opaque: Any) -> None:
        self._registered[event] = (callback, opaque)

    def queue(self, event: int, *arguments: Any) -> None:
        """Queue *event* (VIR_DOMAIN_EVENT_ID_…) with what its callback is given before opaque."""
        if event in self._registered:
            callback, opaque = self._registered[event]
            _queued.put((callback, (*arguments, opaque)))
