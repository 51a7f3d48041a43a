# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, with a limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Found = TypeVar("_Found")


def wait_until(condition: Callable[[], _Found], limit_s: float, every_s: float = 0.02) -> _Found:
    """Return the first answer of *condition* that is true, or its last one after *limit_s*.

    The last look begins when time is up, however late that is: what came while this process got
    no turn is found.
    """
    deadline = time.monotonic() + limit_s
    while True:
        is_last = time.monotonic() >= deadline
        if (found := condition()) or is_last:
            return found
        time.sleep(every_s)
