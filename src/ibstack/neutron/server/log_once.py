# SPDX-License-Identifier: Apache-2.0
"""Saying a thing once, though many passes and threads find it again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

_REMEMBERED: Final = 4096


class LogOnce:
    """Remembers the last few thousand things that were said.  Safe to use from many threads."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._said: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def first_time(self, of: str, what: str) -> bool:
        """Return whether *what* is said *of* a thing for the first time, and remember it."""
        with self._lock:
            known = (of, what) in self._said
            self._said[of, what] = None
            self._said.move_to_end((of, what))
            if len(self._said) > self._remembered:
                self._said.popitem(last=False)
        return not known
