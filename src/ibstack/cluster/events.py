# SPDX-License-Identifier: Apache-2.0
"""What is told of hosts: the same of many is told once, with their names folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.shell.reach import Event
from ibstack.formats.nodeset import folded

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Events:
    """Gathers what happens, in the order in which each thing happened first."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._found: dict[tuple[str, str], tuple[datetime, list[str]]] = {}

    def add(self, host: str, text: str, severity: str = "notice") -> None:
        known = self._found.setdefault((severity, text), (self._now(), []))
        known[1].append(host)

    def told(self) -> list[Event]:
        """Return one event for each thing that happened."""
        return [
            Event(at, severity, folded(hosts), text)
            for (severity, text), (at, hosts) in self._found.items()
        ]

    def clear(self) -> None:
        """Forget what was told."""
        self._found.clear()
