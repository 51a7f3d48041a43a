# SPDX-License-Identifier: Apache-2.0
"""How many clients ibstack-eswitchd serves at once, and how many of them one user may have.

nova's ebrctl runs as root, and a plug that finds no place fails: so root keeps places that nobody
else can take, and no other user has all of the rest.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Final

MOST: Final = 100
"""Each is a thread, and the unit allows 128."""
OF_OTHERS: Final = 80
"""Of all users but root."""
OF_ONE: Final = 50
"""Of one user that is not root."""
_ROOT: Final = 0


class ClientPlaces:
    """Places that are taken, by user id.  Safe to use from threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: Counter[int] = Counter()

    def take(self, uid: int) -> int | None:
        """Take a place for *uid*; return None, or how many are taken of those that it may have."""
        with self._lock:
            others = self._taken.total() - self._taken[_ROOT]
            bounds = [(self._taken.total(), MOST)]
            if uid != _ROOT:
                bounds += [(others, OF_OTHERS), (self._taken[uid], OF_ONE)]
            for taken, most in bounds:
                if taken >= most:
                    return most
            self._taken[uid] += 1
            return None

    def leave(self, uid: int) -> None:
        """Give one place of *uid* back."""
        with self._lock:
            self._taken[uid] -= 1
            if not self._taken[uid]:
                del self._taken[uid]
