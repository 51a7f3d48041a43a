# SPDX-License-Identifier: Apache-2.0
"""When to look for drift, what of it is new, and which ports to repair.

What one look finds may be a table in the middle of a sweep, so only what two looks in a row find
is called drift.  What one look cannot tell, as of a table that is not answered, stays as it was.
OpenSM does not repair drift by itself: it compares with its own memory.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ibstack.fabric.guid import Guid
    from ibstack.subnet_manager.policy.drift import Audit, Drift

LOG = logging.getLogger(__name__)

_LOOK_AGAIN_S: Final = 0.5
_ON_ITS_WAY_S: Final = 5.0
"""How long OpenSM may take to write what it has read: a sweep of a large fabric."""
_UNSURE_S: Final = 5.0
"""How soon to look again at what may be over, and could not be told."""
_REPAIRS_OF_ONE_PORT: Final = 3


@dataclass(frozen=True, slots=True)
class DriftEvent:
    """A difference that has appeared, or that is over."""

    drift: Drift
    appears: bool

    def __str__(self) -> str:
        return f"drift: {self.drift}" if self.appears else f"drift is over: {self.drift}"


def say(events: Iterable[DriftEvent]) -> None:
    """Log each event, one line: what lasts is not said again."""
    for event in events:
        if not event.appears:
            LOG.info("%s", event)
        elif event.drift.kind.alarm:
            LOG.error("%s", event)
        else:
            LOG.warning("%s", event)


class DriftRecord:
    """Remembers what audits have found.  Time is in seconds on the given clock."""

    def __init__(self, interval_s: float, clock: Callable[[], float]) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._due_at: float | None = None
        self._late_since: float | None = None
        self._suspected: frozenset[Drift] = frozenset()
        self._repairs: Counter[Guid] = Counter()
        self.looks = 0
        """Audits taken in since the start."""
        self.repairs = 0
        """Tables that were chosen to be written anew, since the start."""
        self.known: tuple[Drift, ...] = ()
        """What two looks in a row have found, as of the last one."""
        self.looked = False
        """Whether there was a look since everything was forgotten."""

    @property
    def due(self) -> bool:
        return self.due_in_s <= 0

    @property
    def due_in_s(self) -> float:
        """Return how long until the next look: 0 where it is due."""
        now = self._clock()
        left = 0.0 if self._due_at is None else self._due_at - now
        if self._late_since is not None:
            left = max(left, self._late_since + _ON_ITS_WAY_S - now)
        return max(left, 0.0)

    def may_audit(self, *, something_is_late: bool) -> bool:
        """Return whether to audit now.

        *something_is_late*: a table differs from what was published.  It may still come by itself,
        and an audit would call it drift.  What does not come was written over before this process
        or its subnet manager was in charge, and OpenSM does not write it again: an audit names it,
        and has it repaired.
        """
        if not something_is_late:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = self._clock()
        return self.due

    def try_again(self) -> None:
        """A person wants it tried again: look now, and count no repair that was tried before."""
        self._due_at, self._late_since = None, -math.inf
        self._repairs.clear()

    def soon(self) -> None:
        """Look again shortly: something was changed, or is suspected."""
        self._due_at = self._clock() + _LOOK_AGAIN_S

    def forget(self) -> None:
        """Forget everything: somebody else is in charge of this fabric now."""
        self._due_at, self._late_since = None, None
        self._suspected, self.known, self.looked = frozenset(), (), False
        self._repairs.clear()

    def take(self, look: Audit) -> tuple[DriftEvent, ...]:
        """Take in what a look has found; return what is new and what has gone."""
        self.looks += 1
        self.looked = True
        was, seen = set(self.known), set(look.found)
        # Neither new nor over: it was there, and this look cannot tell.
        kept = [drift for drift in self.known if drift not in seen and look.unsure(drift)]
        doubted = {drift for drift in self._suspected - seen if look.unsure(drift)}
        confirmed = [drift for drift in look.found if drift in self._suspected]
        new = [drift for drift in confirmed if drift not in was]
        now = (*confirmed, *kept)
        stands = {*seen, *kept}
        gone = [drift for drift in self.known if drift not in stands]
        for guid in {drift.guid for drift in gone} - {drift.guid for drift in stands}:
            if guid is not None:
                del self._repairs[guid]
        fresh = seen - self._suspected
        self._suspected, self.known = frozenset(seen | doubted), now
        self._due_at = self._clock() + self._pause_s(fresh=bool(fresh), unsure=bool(kept))
        return (
            *(DriftEvent(drift, appears=True) for drift in new),
            *(DriftEvent(drift, appears=False) for drift in gone),
        )

    def _pause_s(self, *, fresh: bool, unsure: bool) -> float:
        if fresh:
            return _LOOK_AGAIN_S
        return min(self._interval_s, _UNSURE_S) if unsure else self._interval_s

    def to_repair(self) -> frozenset[Guid]:
        """Return the ports whose tables to have written anew; each is tried a few times only."""
        broken = {d.guid for d in self.known if d.repairable and d.guid is not None}
        chosen = {guid for guid in broken if self._repairs[guid] < _REPAIRS_OF_ONE_PORT}
        self.repairs += len(chosen)
        for guid in sorted(chosen):
            self._repairs[guid] += 1
            LOG.info(
                "repairing the table of %s (%d of %d tries)",
                guid,
                self._repairs[guid],
                _REPAIRS_OF_ONE_PORT,
            )
        return frozenset(chosen)
