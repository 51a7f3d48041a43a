# SPDX-License-Identifier: Apache-2.0
"""The one reconcile loop: level-triggered, nudges carry nothing, a change is proved."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.fabric.errors import IbstackError

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one pass did.  A pass with nothing to say is the normal case."""

    changed: int = 0
    waiting_for: str | None = None
    failures: tuple[IbstackError, ...] = ()
    look_again_s: float | None = None
    """When what is waited for can come at any moment: look again after this time at the latest."""


class Reconciler(Protocol):
    def once(self) -> Outcome:
        """Read everything, decide, act, and return.  Safe to call at any time."""
        ...


class Loop:
    """Call a reconciler at least every *interval* seconds, and at once when nudged.

    Each pass starts from what is true now, so a nudge carries no payload and losing one
    costs at most *interval* seconds.  A pass that changed something is followed by another
    after *settle* seconds: what it read is out of date, and the second pass is the proof.
    """

    def __init__(
        self,
        reconciler: Reconciler,
        *,
        interval: Callable[[], float],
        settle: float,
        backoff: Callable[[int], float],
        report: Callable[[Outcome], None],
    ) -> None:
        """*interval* is asked before each pause, so that it can carry jitter; all in seconds."""
        self._reconciler = reconciler
        self._interval = interval
        self._settle = settle
        self._backoff = backoff
        self._report = report
        self._nudged = threading.Event()
        self._stopping = threading.Event()

    def nudge(self) -> None:
        self._nudged.set()

    def stop(self) -> None:
        self._stopping.set()
        self._nudged.set()

    def run(self) -> None:
        """Run until stop().  A bug in the reconciler ends the process: let systemd restart it."""
        failed_in_a_row = 0
        said: tuple[str, ...] = ()
        while not self._stopping.is_set():
            self._nudged.clear()
            if self._stopping.is_set():
                return  # stop() came between the two lines above: its nudge is gone.
            outcome = self._reconciler.once()
            self._report(outcome)
            said = self._log_news(outcome, said)
            failed_in_a_row = failed_in_a_row + 1 if outcome.failures else 0
            self._nudged.wait(self._pause(outcome, failed_in_a_row))

    @staticmethod
    def _log_news(outcome: Outcome, said: tuple[str, ...]) -> tuple[str, ...]:
        """Log what is new: a trouble that lasts is one event, not one for every pass."""
        now = tuple(str(failure) for failure in outcome.failures)
        if outcome.waiting_for:
            now += (f"waiting for {outcome.waiting_for}",)
        for line in now:
            if line not in said:
                LOG.warning("%s", line)
        return now

    def _pause(self, outcome: Outcome, failed_in_a_row: int) -> float:
        pauses = [self._interval()]
        if failed_in_a_row:
            pauses.append(self._backoff(failed_in_a_row))
        elif outcome.changed:
            pauses.append(self._settle)
        if outcome.look_again_s is not None:
            pauses.append(outcome.look_again_s)
        return min(pauses)
