# SPDX-License-Identifier: Apache-2.0
"""Alarms of who speaks in whose name, and how often, as far as messages tell.

Whoever has the agents' account at the broker can name any host.  Nothing is refused here: which of
two senders is the right one is not known (docs/explanation/trust.md).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any, Final

from neutron_lib.callbacks import events, registry, resources

from ibstack.fabric.neutron_names import MELLANOX_AGENT, PARTITION_AGENT
from ibstack.neutron.protocol.instance import is_instance, told_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOG: Final = logging.getLogger(__name__)

MOST_REPORTS: Final = 200
"""How many reports of one host within WITHIN_S are nothing to tell of.

An agent sends one for all that has changed, and no second one about a port that is under way.
"""
WITHIN_S: Final = 60.0
_TELL_EVERY_S: Final = 10.0
_HOSTS: Final = 4096
_OURS: Final = (MELLANOX_AGENT, PARTITION_AGENT)


class Senders:
    """What was heard lately of each host.  Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._reports: OrderedDict[str, deque[float]] = OrderedDict()
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()

    @property
    def hosts(self) -> list[str]:
        """The names in which reports came; not more of them than are remembered."""
        with self._lock:
            return list(self._reports)

    def heard_report(self, host: str, instance: object, digest: str | None) -> None:
        """Take in a `report_host`; *digest*: of the host's heartbeat, None where it has none."""
        if digest is not None and not is_instance(instance, digest):
            self._tell(
                host,
                "reports about ports in the name of host %r are not of the ibstack-agent whose"
                " heartbeats are known: somebody else reports in its name, or it was started"
                " before its heartbeat was heard",
            )
        number = self._count(host)
        if number > MOST_REPORTS:
            self._tell(
                host,
                "more than %d reports about ports came in the name of host %r within %g s: its"
                " ibstack-agent sends as many only in a fault, or somebody floods Neutron",
                (MOST_REPORTS, host, WITHIN_S),
            )

    def heard_heartbeat(self, state: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
        """Take in a heartbeat; *before*: the `configurations` of the one before it."""
        if state.get("agent_type") not in _OURS or before is None or state.get("start_flag"):
            return
        former = told_in(before)
        if former is not None and former != told_in(_object(state.get("configurations"))):
            self._tell(
                str(state["host"]),
                f"a heartbeat of {state['agent_type']!r} in the name of host %r is of another"
                " process than the one before, and says of no start: two report in its name, and"
                " what the one says hides what the other does",
            )

    def _count(self, host: str) -> int:
        with self._lock:
            now = self._clock()
            of_host = self._reports.setdefault(host, deque(maxlen=MOST_REPORTS + 1))
            self._reports.move_to_end(host)
            if len(self._reports) > _HOSTS:
                self._reports.popitem(last=False)
            of_host.append(now)
            return sum(now - each <= WITHIN_S for each in of_host)

    def _tell(self, host: str, sentence: str, quoted: tuple[object, ...] = ()) -> None:
        """Log it, and of one host the same no sooner than _TELL_EVERY_S later."""
        with self._lock:
            now = self._clock()
            last = self._told.get((host, sentence))
            if last is not None and now - last < _TELL_EVERY_S:
                return
            self._told[host, sentence] = now
            self._told.move_to_end((host, sentence))
            if len(self._told) > _HOSTS:
                self._told.popitem(last=False)
        LOG.warning(sentence, *(quoted or (host,)))


def watch_heartbeats(senders: Senders) -> None:
    """Have *senders* hear every heartbeat that this process stores."""

    def hear(_resource: str, _event: str, _trigger: object, payload: Any) -> None:
        previous = payload.states[1]
        before = None if previous is None else _object(previous.configurations)
        senders.heard_heartbeat(payload.desired_state, before)

    registry.subscribe(hear, resources.AGENT, events.AFTER_UPDATE)


def _object(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}
