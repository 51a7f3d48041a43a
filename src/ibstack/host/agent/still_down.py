# SPDX-License-Identifier: Apache-2.0
"""Ports that are ready here and still not ACTIVE in Neutron: when to tell it again, and a person.

Mostly another part has not done its share yet, and will.  But of two that complete a port at once
one may miss the other (docs/decisions/0070), and then only somebody who speaks of the port once
more makes it ACTIVE.  Not safe for threads: ibstack.host.agent.reporter holds its lock around it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.fabric.neutron_names import IB_FABRIC

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ibstack.host.agent.plan import DesiredPort

_FIRST_WAIT_S: Final = 1.0
_LAST_WAIT_S: Final = 30.0
# Neither a DHCP agent nor an OpenSM that starts takes so long.
_PATIENCE_S: Final = 30.0
_SAID_AT_ONCE: Final = 3
_WAITED_FOR: Final = {
    "DHCP": "the network's DHCP agent",
    IB_FABRIC: "ibstack-fabricd of the master subnet manager",
}


@dataclass(frozen=True, slots=True)
class _Down:
    port: DesiredPort
    since: float
    wait_s: float
    tell_at: float
    is_said: bool = False

    def is_due(self, now: float, *, in_company: bool) -> bool:
        # One that is due soon goes with one that is due now: a host that has many is one question.
        return now >= self.tell_at - (self.wait_s / 2 if in_company else 0)

    def later(self, now: float) -> _Down:
        wait_s = min(2 * self.wait_s, _LAST_WAIT_S)
        return replace(self, wait_s=wait_s, tell_at=now + wait_s)


class StillDown:
    """The ready ports that Neutron, when it was told last, did not have as ACTIVE."""

    def __init__(self) -> None:
        self._ports: dict[str, _Down] = {}

    def keep(self, ready: Iterable[DesiredPort]) -> None:
        """Forget all that are not ready any more, or not the same."""
        same = {port.id: port for port in ready}
        self._ports = {key: one for key, one in self._ports.items() if same.get(key) == one.port}

    def due(self, now: float, busy: Collection[str]) -> list[DesiredPort]:
        """Return those to tell of once more; none that is *busy*."""
        free = [one for key, one in self._ports.items() if key not in busy]
        if not any(one.is_due(now, in_company=False) for one in free):
            return []
        return [one.port for one in free if one.is_due(now, in_company=True)]

    def next_at(self, busy: Collection[str]) -> float:
        """Return when due() will return something; infinity where nothing is to come."""
        return min(
            (one.tell_at for key, one in self._ports.items() if key not in busy), default=math.inf
        )

    def told(
        self, ports: Iterable[DesiredPort], down: Mapping[str, tuple[str, ...]], now: float
    ) -> list[str]:
        """Take what Neutron said when it was told of *ports*; return what a person should know."""
        late: dict[tuple[str, ...], list[str]] = {}
        for port in ports:
            before = self._ports.pop(port.id, None)
            if port.id not in down:
                continue
            if before is None:
                after = _Down(port, now, _FIRST_WAIT_S, now + _FIRST_WAIT_S)
            else:
                after = before.later(now)
            if not after.is_said and now - after.since >= _PATIENCE_S:
                late.setdefault(down[port.id], []).append(port.id)
                after = replace(after, is_said=True)
            self._ports[port.id] = after
        return [_sentence(ids, entities) for entities, ids in late.items()]


def _sentence(ids: list[str], entities: tuple[str, ...]) -> str:
    named = sorted(ids)[:_SAID_AT_ONCE]
    more = len(ids) - len(named)
    who = ", ".join(named) + (f" and {more} more" if more else "")
    what = " and ".join(
        f"{name} ({_WAITED_FOR[name]})" if name in _WAITED_FOR else name for name in entities
    )
    return (
        f"cannot make port {who} ACTIVE: programmed here {_PATIENCE_S:g} s ago, and Neutron waits"
        f" for {what or 'nothing that it names; its log may say more'}"
    )
