# SPDX-License-Identifier: Apache-2.0
"""At a calm: every attempt is told of, nobody gets in, and a bystander is served meanwhile."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from statistics import median
from typing import TYPE_CHECKING, Final

from faults.alarms import AGENT
from faults.attempts import TIMES, hindered, let_in, untold
from faults.invariants import Invariant
from faults.world import BYSTANDERS
from ibstack_lab.services import accounts
from tenant_ports import TenantPort, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from faults.attempts import Attempt
    from faults.world import World
    from ibstack_lab.services.neutron_client import Resource

_TOLD_WITHIN_S: Final = 60.0
_KEPT_OUT_WITHIN_S: Final = 60.0
_LEFT_WITHIN_S: Final = 60.0
_AGAIN_EVERY_S: Final = 0.3
_LOOK_EVERY_S: Final = 0.05
_VF: Final = 9
"""One that no port of the walk is given."""
_AT_ONCE: Final = 4
"""So many attempts are repeated beside each other: one machine bears all of the cloud."""
_BYSTANDER_EVERY_S: Final = 45.0
_QUIET_PORTS: Final = 4
_OPENED: Final = (Invariant.NO_STRANGER, Invariant.NO_EARLY_ACTIVE)
"""What no lie may bring about even while it stands; what it holds up is another thing."""


class Besieged(AssertionError):
    """What does not hold while others attempt what they may not."""

    def __init__(self, wrong: Sequence[str]) -> None:
        super().__init__("\n".join(wrong))
        self.wrong = list(wrong)


@dataclass
class Siege:
    """Knows how long a port takes when all is quiet."""

    world: World
    network: Resource
    quiet_s: float = 0.0
    longest_s: float = 0.0
    faced: int = 0
    """How many attempts were told of."""
    searched: int = 0
    """At how many calms strangers were looked for while the lies stood; not where Neutron could
    not do all that it was asked, as it cannot bind to a host that reports another's VFs."""
    served: int = 0
    """How many bystanders' ports became ACTIVE beside them."""
    _due_at: float = 0.0
    _latest: Sequence[Attempt] = ()
    _hosts: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._hosts = cycle(self.world.hosts)

    @classmethod
    def of(cls, world: World) -> Siege:
        """Measure how long a port takes in *world*, where nobody does anything yet."""
        (name,) = BYSTANDERS
        operator = world.cloud.api(accounts.OPERATOR)
        siege = cls(world, operator.find("networks", name))
        took = [siege._serve(next(siege._hosts), _TOLD_WITHIN_S) for _ in range(_QUIET_PORTS)]
        siege.quiet_s = median(took)
        return siege

    def face(self) -> str:
        """Face all attempts since the last calm, and return what came of it.

        Besieged where any was not told, let somebody in, or kept a bystander waiting.
        """
        world = self.world
        if not world.attempts:
            return ""
        began = time.monotonic()
        for attempt in world.attempts:
            self._hear_of(attempt)
        told_s = time.monotonic() - began
        done = [attempt for attempt in world.attempts if not attempt.is_void]
        if lies := [attempt for attempt in done if attempt.is_a_lie]:
            with _all_go_on(lies):
                self._keep_out()
        self._undo(done)
        if found := [str(broken) for broken in let_in(done)]:
            raise Besieged(found)
        world.attempts.clear()
        self._latest = done
        self.faced += len(done)
        took_s = time.monotonic() - began
        return f"{len(done)} attempts were told of in {told_s:.1f} s; over in {took_s:.1f} s"

    def _hear_of(self, attempt: Attempt) -> None:
        until = time.monotonic() + _TOLD_WITHIN_S
        while not attempt.is_over:
            if time.monotonic() > until:
                raise Besieged([str(broken) for broken in untold([attempt])])
            self.world.try_again(attempt)
            pause = time.monotonic() + _AGAIN_EVERY_S
            while not attempt.is_over and time.monotonic() < pause:
                time.sleep(_LOOK_EVERY_S)
                self.world.hear()

    def _keep_out(self) -> None:
        """Return when nobody is where no lie may bring him."""
        until = time.monotonic() + _KEPT_OUT_WITHIN_S
        while wrong := self._opened():
            if time.monotonic() > until:
                raise Besieged(wrong)
            time.sleep(_LOOK_EVERY_S)
        self.searched += not self.world.owed

    def _opened(self) -> list[str]:
        # What was put off is done first: else the model is ahead of Neutron.
        self.world.settle_debts()
        if self.world.owed:
            return []
        with suppress(OSError, ValueError):
            return [str(b) for b in self.world.broken() if b.invariant in _OPENED]
        return ["cannot look"]

    def serve_a_bystander(self) -> str:
        """Return how long a port took beside the attempts that were faced last; empty: not now.

        Everything is well but for them: of what is away each tenant feels something.  Now and then:
        it costs a few seconds.
        """
        host, attempts, self._latest = next(self._hosts), self._latest, ()
        # Of which no lie is told.
        attempts = [attempt for attempt in attempts if host not in attempt.holds_up]
        if time.monotonic() < self._due_at or not attempts:
            return ""
        self._due_at = time.monotonic() + _BYSTANDER_EVERY_S
        # A Neutron that was killed in the last steps may still be starting.
        wait_for("Neutron answers", self._neutron_answers, _TOLD_WITHIN_S)
        with _all_go_on(attempts):
            took_s = self._serve(host, TIMES * _TOLD_WITHIN_S)
        self._undo(attempts)
        self._judge(host, took_s, attempts)
        self.longest_s = max(self.longest_s, took_s)
        self.served += 1
        return f"beside {len(attempts)} attempts a bystander's port took {took_s:.1f} s"

    def _neutron_answers(self) -> bool:
        (name,) = BYSTANDERS
        return self.world.cloud.api(accounts.OPERATOR).find("networks", name) is not None

    def _judge(self, host: str, took_s: float, attempts: Sequence[Attempt]) -> None:
        who, quiet_s = f"a port on {host}", self.quiet_s
        if list(hindered(who, took_s, quiet_s)):
            # The machine may have more to do than when the walk began.
            quiet_s = max(quiet_s, self._serve(host, TIMES * _TOLD_WITHIN_S))
        if wrong := [str(broken) for broken in hindered(who, took_s, quiet_s)]:
            raise Besieged([*wrong, *(f"beside: {attempt.what}" for attempt in attempts)])

    def _undo(self, attempts: Sequence[Attempt]) -> None:
        """Return when nothing is left of *attempts*, and every host's agent was heard again."""

        def is_over() -> bool:
            for attempt in attempts:
                attempt.undo()
            reported = self.world.alarms.heartbeats(AGENT)
            return {host: told["adapters"] for host, told in reported.items()} == self._truth()

        wait_for("what was attempted is over", is_over, _LEFT_WITHIN_S)

    def _truth(self) -> dict[str, object]:
        return {host: told["adapters"] for host, told in self.world.truth.items()}

    def _serve(self, host: str, limit_s: float) -> float:
        """Return how many seconds a port takes from its making to ACTIVE; it is gone afterwards."""
        world = self.world
        port = TenantPort(world.cloud, self.network, world.cloud.topology.host(host), _VF)
        began = time.monotonic()
        port.create_bound()
        try:
            port.plug()
            while not world.eyes.is_active(port.mac):
                if time.monotonic() - began > limit_s:
                    break
                time.sleep(_LOOK_EVERY_S)
            took_s = time.monotonic() - began
        finally:
            port.unplug()
            port.delete()
        return took_s


@contextmanager
def _all_go_on(attempts: Sequence[Attempt]) -> Iterator[None]:
    """Repeat the latest of *attempts*, each in a thread of its own."""
    over = threading.Event()

    def go_on(attempt: Attempt) -> None:
        while not over.is_set():
            with suppress(Exception):  # Whatever it is answered: it is the load that counts.
                attempt.do()
            over.wait(attempt.every_s)

    threads = [threading.Thread(target=go_on, args=(each,)) for each in attempts[-_AT_ONCE:]]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
