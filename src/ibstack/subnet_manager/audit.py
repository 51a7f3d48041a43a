# SPDX-License-Identifier: Apache-2.0
"""When to look for drift, what of it is new, and which ports to repair.

What one look finds may be a table in the middle of a sweep, so only what two looks in a row find
is called drift.  OpenSM does not repair drift by itself: it compares with its own memory.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from ibstack.subnet_manager.drift import REPAIRABLE, Drift

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.fabric.guid import Guid

LOG = logging.getLogger(__name__)

_LOOK_AGAIN_S: Final = 0.5
_REPAIRS_OF_ONE_PORT: Final = 3


class Auditor:
    """Remembers what audits have found.  Time is in seconds on the given clock."""

    def __init__(self, interval_s: float, clock: Callable[[], float]) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._due_at: float | None = None
        self._suspected: frozenset[Drift] = frozenset()
        self._repairs: Counter[Guid] = Counter()
        self.known: tuple[Drift, ...] = ()
        """What two looks in a row have found, as of the last one."""

    @property
    def due(self) -> bool:
        return self._due_at is None or self._clock() >= self._due_at

    @property
    def due_in_s(self) -> float:
        return 0.0 if self._due_at is None else max(self._due_at - self._clock(), 0.0)

    def soon(self) -> None:
        """Look again shortly: something was changed, or is suspected."""
        self._due_at = self._clock() + _LOOK_AGAIN_S

    def forget(self) -> None:
        """Forget everything: somebody else is in charge of this fabric now."""
        self._due_at, self._suspected, self.known = None, frozenset(), ()
        self._repairs.clear()

    def take(self, found: list[Drift]) -> None:
        """Take in what an audit found; log what is new and what has gone."""
        confirmed = tuple(drift for drift in found if drift in self._suspected)
        for drift in confirmed:
            if drift not in self.known:
                log = LOG.error if drift.kind.alarm else LOG.warning
                log("drift: %s", drift)
        gone = [drift for drift in self.known if drift not in found]
        for drift in gone:
            LOG.info("drift is over: %s", drift)
        for guid in {drift.guid for drift in gone} - {drift.guid for drift in found}:
            if guid is not None:
                del self._repairs[guid]
        fresh = set(found) - self._suspected
        self._suspected, self.known = frozenset(found), confirmed
        self._due_at = self._clock() + (_LOOK_AGAIN_S if fresh else self._interval_s)

    def to_repair(self) -> frozenset[Guid]:
        """Return the ports whose tables to have written anew; each is tried a few times only."""
        broken = {d.guid for d in self.known if d.kind in REPAIRABLE and d.guid is not None}
        chosen = {guid for guid in broken if self._repairs[guid] < _REPAIRS_OF_ONE_PORT}
        for guid in sorted(chosen):
            self._repairs[guid] += 1
            LOG.info(
                "repairing the table of %s (%d of %d tries)",
                guid,
                self._repairs[guid],
                _REPAIRS_OF_ONE_PORT,
            )
        return frozenset(chosen)
