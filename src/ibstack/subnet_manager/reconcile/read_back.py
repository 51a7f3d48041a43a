# SPDX-License-Identifier: Apache-2.0
"""Reading back, from the ports themselves, what a subnet manager was to write into their tables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import TryLater
from ibstack.fabric.partition import TableEntry
from ibstack.subnet_manager.policy.plan import Admit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PkeyTable
    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.policy.plan import Step
    from ibstack.subnet_manager.settings import Limits

_FIRST_LOOK_S: Final = 0.005
_LONGEST_PAUSE_S: Final = 0.02


class Patience:
    """Looks again at something, in growing pauses, for as long as it may take."""

    def __init__(
        self, pause: Callable[[float], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """*pause* waits for so many seconds and returns whether to stop."""
        self._pause = pause
        self._clock = clock

    def until(self, is_so: Callable[[], bool], limit_s: float) -> bool:
        """Return whether *is_so* within *limit_s* seconds; TryLater where this process is to stop.

        It is asked once at least.
        """
        deadline = self._clock() + limit_s
        pause_s = _FIRST_LOOK_S
        while not is_so():
            if self._clock() >= deadline:
                return False
            if self._pause(pause_s):
                raise TryLater("cannot finish this pass: ibstack-fabricd is stopping")
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return True


class ReadBack:
    """Compares the tables of ports with steps that were declared."""

    def __init__(self, fabric: FabricView, limits: Limits, patience: Patience) -> None:
        self._fabric = fabric
        self._limit_s = limits.read_back_s
        self._patience = patience

    def unmet(self, steps: Iterable[Step], must_be_there: Collection[Guid]) -> list[Step]:
        """Wait for the tables to show *steps*; return those that they do not show in time.

        A port that is not on the fabric has no table yet; the subnet manager writes it when the
        port comes up.  So it meets every step, unless it is one of *must_be_there*.
        """
        left = list(steps)

        def none_is_left() -> bool:
            nonlocal left
            if left:
                guids = {step.guid for step in left}
                tables = self._fabric.tables(guids, guids.intersection(must_be_there))
                left = [step for step in left if not _met(step, tables, must_be_there)]
            return not left

        self._patience.until(none_is_left, self._limit_s)
        return left


def _met(step: Step, tables: dict[Guid, PkeyTable | None], must_be_there: Collection[Guid]) -> bool:
    if step.guid not in tables:
        return not isinstance(step, Admit) or step.guid not in must_be_there
    table = tables[step.guid]
    if table is None:
        return False
    if isinstance(step, Admit):
        return TableEntry.of(step.key, step.membership) in table
    return all(entry is None or entry.partition != step.key for entry in table)
