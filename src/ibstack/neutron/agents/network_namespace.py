# SPDX-License-Identifier: Apache-2.0
"""Opening what belongs to another network namespace: a socket, a tap."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CLONE_NEWNET: Final = 0x40000000
Opened = TypeVar("Opened")


def inside_of(namespace: Path, act: Callable[[], Opened]) -> Opened:
    """Return what *act* returns in the *namespace* of that file; OSError where it is not there.

    What it opens stays of that namespace, and keeps it.
    """
    # A thread of its own: its namespace ends with it.
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(_entered, namespace, act).result()


def _entered(namespace: Path, act: Callable[[], Opened]) -> Opened:
    handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # os.setns() comes with Python 3.12.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(handle, _CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(handle)
    return act()
