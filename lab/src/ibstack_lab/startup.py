# SPDX-License-Identifier: Apache-2.0
"""Starting many processes at once, and saying when each of them is ready."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack_lab.process import ProcessFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack_lab.process import Process

_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, eq=False)
class Component:
    """A process, and how to see that it does its work."""

    process: Process
    ready: Callable[[], bool]
    timeout_s: float = 90
    """From its start."""


class Startup:
    """What has been started and is not ready yet."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """*say* is given a line whenever something becomes ready."""
        self._say = say
        self._began = time.monotonic()
        self._pending: dict[Component, float] = {}
        self._ready: set[str] = set()

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        self._say(f"{self.seconds:6.1f} s  {text}")

    def launch(self, *components: Component) -> None:
        """Start *components*; those that run already are only looked at."""
        for component in components:
            component.process.start()
            self._pending[component] = self.seconds

    def look(self) -> None:
        """Say what has become ready; ProcessFailed for what ended or takes too long."""
        for component, since in list(self._pending.items()):
            process = component.process
            if component.ready():
                del self._pending[component]
                self._ready.add(process.name)
                self.say(f"{process.name} is ready")
            elif not process.running():
                raise ProcessFailed(process.name, "it ended", process.log)
            elif self.seconds - since > component.timeout_s:
                late = f"not ready after {component.timeout_s:g} s"
                raise ProcessFailed(process.name, late, process.log)

    def is_ready(self, name: str) -> bool:
        """Return whether *name* has been launched and seen ready."""
        return name in self._ready

    def wait(self, *names: str) -> None:
        """Return when the components called *names* are ready; without names, when all are."""
        while self._awaited(names):
            self.look()
            if self._awaited(names):
                time.sleep(_LOOK_EVERY_S)

    def _awaited(self, names: tuple[str, ...]) -> bool:
        return any(not names or each.process.name in names for each in self._pending)
