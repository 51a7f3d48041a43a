# SPDX-License-Identifier: Apache-2.0
"""Telling Neutron what became of ports, until it has taken it.

Beside the loop and not in it: Neutron takes about 0.1 s to make a port ACTIVE, and the next VF
should not wait for that.  Level-triggered like the loop: it is given what is true now, and sends
what Neutron has not taken yet, or took without making the port ACTIVE.  Of one port there is one
report under way at a time, so that what was true first arrives first.
"""

from __future__ import annotations

import enum
import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from ibstack.fabric.errors import TryLater
from ibstack.host.agent.still_down import StillDown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ibstack.host.agent.plan import DesiredPort
    from ibstack.neutron.protocol.replies import HostPorts, HostReport

LOG = logging.getLogger(__name__)

THREADS: Final = 3
"""How many reports may be under way; each keeps a connection to the broker for a while."""

_FIRST_RETRY_S: Final = 0.25
_LAST_RETRY_S: Final = 5.0


class Became(enum.Enum):
    """What became of a port here."""

    READY = "ready"
    GONE = "gone"
    FAILED = "failed"
    """Its plug was refused: nova need not wait for it."""


_Fact = tuple["DesiredPort", Became]
"""A port as Neutron has it, and what became of it."""


class Neutron(Protocol):
    """Who says what this host should have: ibstack.neutron.client, or the lab's stand-in."""

    def host_ports(self, host: str, etag: str | None = None) -> HostPorts:
        """Return the ports bound to *host*; TryLater where that cannot be known now."""
        ...

    def report_host(
        self,
        host: str,
        ready: Collection[str] = (),
        gone: Collection[str] = (),
        failed: Collection[str] = (),
    ) -> HostReport:
        """Say what became of the ports; TryLater where it cannot be said now."""
        ...


class Reporter:
    """What is to be told of one host.  Safe to use from several threads."""

    def __init__(
        self,
        host: str,
        neutron: Neutron,
        *,
        resync_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*resync_s*: what Neutron took is told again after this time, in seconds."""
        self._host = host
        self._neutron = neutron
        self._resync_s = resync_s
        self._clock = clock
        self._changed = threading.Condition()
        self._facts: dict[str, _Fact] = {}
        self._taken: dict[str, _Fact] = {}
        self._taken_since = clock()
        self._still_down = StillDown()
        self._under_way: set[str] = set()
        self._wait_until = -math.inf
        self._retry_s = _FIRST_RETRY_S
        self._trouble: str | None = None
        self._stopping = False
        self.look_again: Callable[[], None] = lambda: None
        """Called where Neutron's answer says that what was read of it is out of date."""

    def tell(
        self,
        ready: Iterable[DesiredPort],
        gone: Iterable[DesiredPort],
        failed: Iterable[DesiredPort] = (),
    ) -> None:
        """Take what is true now, all of it: what is left out is not to be told any more."""
        facts = {port.id: (port, Became.FAILED) for port in failed}
        facts |= {port.id: (port, Became.GONE) for port in gone}
        facts |= {port.id: (port, Became.READY) for port in ready}
        with self._changed:
            now = self._clock()
            if now - self._taken_since >= self._resync_s:
                self._taken, self._taken_since = {}, now
            self._facts = facts
            # Forgotten as soon as it is not true any more: when it is again, it is news again.
            self._taken = {key: fact for key, fact in self._taken.items() if facts.get(key) == fact}
            self._still_down.keep(_those(Became.READY, facts.values()))
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def run(self) -> None:
        """Report until stop(); for up to THREADS threads."""
        while batch := self._next_facts():
            ids = {became: [port.id for port in _those(became, batch)] for became in Became}
            try:
                answer = self._neutron.report_host(
                    self._host,
                    ready=ids[Became.READY],
                    gone=ids[Became.GONE],
                    **({"failed": ids[Became.FAILED]} if ids[Became.FAILED] else {}),
                )
            except TryLater as error:
                self._give_back(batch, str(error))
            else:
                self._settle(batch, answer)

    def _next_facts(self) -> list[_Fact]:
        """Wait for news; return this thread's share of it, nothing when it is time to stop."""
        with self._changed:
            while not self._stopping:
                now = self._clock()
                may_tell = now >= self._wait_until
                batch = self._news() or self._once_more(now) if may_tell else []
                if batch:
                    self._under_way |= {port.id for port, _ in batch}
                    return batch
                until = self._still_down.next_at(self._under_way) if may_tell else self._wait_until
                self._changed.wait(None if until == math.inf else max(until - now, 0))
            return []

    def _news(self) -> list[_Fact]:
        news = [
            fact
            for key, fact in self._facts.items()
            if self._taken.get(key) != fact and key not in self._under_way
        ]
        return news[: math.ceil(len(news) / THREADS)]

    def _once_more(self, now: float) -> list[_Fact]:
        return [(port, Became.READY) for port in self._still_down.due(now, self._under_way)]

    def _give_back(self, batch: list[_Fact], why: str) -> None:
        with self._changed:
            self._under_way -= {port.id for port, _ in batch}
            self._wait_until = self._clock() + self._retry_s
            self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S)
            is_new, self._trouble = why != self._trouble, why
            self._changed.notify_all()
        if is_new:
            LOG.warning("%s", why)

    def _settle(self, batch: list[_Fact], answer: HostReport) -> None:
        with self._changed:
            self._under_way -= {port.id for port, _ in batch}
            self._retry_s, self._trouble = _FIRST_RETRY_S, None
            still = {fact[0].id: fact for fact in batch if self._facts.get(fact[0].id) == fact}
            self._taken |= still
            ready = _those(Became.READY, still.values())
            late = self._still_down.told(ready, answer.down, self._clock())
            self._changed.notify_all()
        for sentence in late:
            LOG.warning("%s", sentence)
        # What changed while it was under way, Neutron may have in the wrong order.
        if answer.unknown or len(still) < len(batch):
            self.look_again()


def _those(became: Became, facts: Iterable[_Fact]) -> list[DesiredPort]:
    return [port for port, so in facts if so is became]
