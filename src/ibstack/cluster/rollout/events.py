# SPDX-License-Identifier: Apache-2.0
"""What happened on hosts: the same of many is told once, with their names folded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.fabric.printable import printable
from ibstack.formats.nodeset import folded
from ibstack.formats.secrets import hidden_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a host."""

    at: datetime
    severity: str
    """info, notice, warning or error."""
    host: str
    text: str

    def __str__(self) -> str:
        text = printable(hidden_in(f"{self.host}: {self.text}"))
        return f"{self.at:%a %b %d %H:%M:%S %Y} [{self.severity}] {text}"


class Events:
    """Gathers what happens, in the order in which each thing happened first."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._found: dict[tuple[str, str], tuple[datetime, list[str]]] = {}

    def add(self, host: str, text: str, severity: str = "notice") -> None:
        known = self._found.setdefault((severity, text), (self._now(), []))
        known[1].append(host)

    def folded_events(self) -> list[Event]:
        """Return one event for each thing that happened."""
        return [
            Event(at, severity, folded(hosts), text)
            for (severity, text), (at, hosts) in self._found.items()
        ]

    def clear(self) -> None:
        """Forget what was told."""
        self._found.clear()
