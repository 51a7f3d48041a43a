# SPDX-License-Identifier: Apache-2.0
"""How many requests ibstack-eswitchd has answered since it started, and how."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any


class RequestCounts:
    """Counts by verb and result; threads may share it.

    The verbs are those that there are, or "unknown", so that no client makes it grow.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def note(self, verb: str, result: str) -> None:
        with self._lock:
            self._counts[verb, result] += 1

    def to_json(self) -> list[dict[str, Any]]:
        with self._lock:
            counted = sorted(self._counts.items())
        return [
            {"verb": verb, "result": result, "count": count} for (verb, result), count in counted
        ]
