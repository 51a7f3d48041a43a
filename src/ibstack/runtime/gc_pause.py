# SPDX-License-Identifier: Apache-2.0
"""Python's collector of reference cycles, while there is much to make and nothing to collect."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def paused_collector() -> Iterator[None]:
    """Let it rest: it walks all that was made again and again, a third of the time of a load."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
