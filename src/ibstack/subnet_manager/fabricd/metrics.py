# SPDX-License-Identifier: Apache-2.0
"""What ibstack-fabricd counts, for Prometheus: docs/reference/metrics.md."""

from __future__ import annotations

import time
from collections import Counter as Tally
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram

from ibstack.runtime.metrics import PassMetrics
from ibstack.subnet_manager.policy.drift import GROUP_KINDS, DriftClass
from ibstack.subnet_manager.reconcile.numbers import Numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.runtime.loop import Outcome

_PREFIX: Final = "ibstack_fabricd"
_ROLES: Final = ("master", "standby", "unknown")
# A VF's port waits for its guest; a table on the fabric is written in tens of milliseconds.
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


_GAUGES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "info": (
        "The release that runs, and the physical network that it keeps; always 1.",
        ("version", "physical_network"),
    ),
    "role": ("1 for what the subnet manager on this host is, 0 for what it is not.", ("role",)),
    "members": (
        "Members of partitions that Neutron wants: in force, waiting to be, or not to be had.",
        ("state",),
    ),
    "drift": (
        "Differences between what Neutron wants and what the fabric's tables hold, by class; NaN:"
        " not compared yet.",
        ("class",),
    ),
    "problems": ("Lines in the heartbeat's problems.", ()),
    "ports": ("End ports that the last audit saw.", ()),
    "unread_ports": ("Ports whose table the last audit could not read.", ()),
    "unread_nodes": ("Nodes of the fabric that did not answer the last audit.", ()),
    "fullest_table_entries": (
        "Entries of the table that has the least room left: used, and its capacity; NaN: no port is"
        " in several partitions.",
        ("of",),
    ),
    "last_audit_timestamp_seconds": (
        "When all tables were last read, seconds since 1970; 0: not since the start.",
        (),
    ),
}
_COUNTERS: Final = {
    "publishes": "Partitions files put in place, as master or as standby.",
    "reloads": "Times that OpenSM was made to read its partitions file.",
    "repairs": "Tables of ports that OpenSM was made to write anew.",
    "audits": "Times that the tables of all ports were read and compared.",
    "tables_read": "Tables of partition keys read from the fabric.",
}


class FabricMetrics(PassMetrics):
    """The metrics of one fabricd."""

    def __init__(
        self, version: str, physical_network: str, clock: Callable[[], float] = time.time
    ) -> None:
        """*clock* tells the seconds of the Unix epoch."""
        super().__init__(_PREFIX)
        own = self.registry
        self._clock = clock
        self._last = Numbers()
        self._gauges = {
            name: Gauge(f"{_PREFIX}_{name}", help_text, labels, registry=own)
            for name, (help_text, labels) in _GAUGES.items()
        }
        self._counters = {
            name: Counter(f"{_PREFIX}_{name}_total", help_text, registry=own)
            for name, help_text in _COUNTERS.items()
        }
        self._proved = Histogram(
            f"{_PREFIX}_desired_to_proved_seconds",
            "From hearing of a member to the proof that its membership is in force.",
            buckets=_SECONDS,
            registry=own,
        )
        self._gauges["info"].labels(version, physical_network).set(1)
        self._show(self._last)

    def proved(self, seconds: float) -> None:
        """Take in that a member is in force, *seconds* after it was first heard of."""
        self._proved.observe(seconds)

    def count(self, outcome: Outcome, numbers: Numbers) -> None:
        """Count what a pass did, and show what holds after it."""
        self.count_pass(outcome)
        for name, counter in self._counters.items():
            counter.inc(getattr(numbers, name) - getattr(self._last, name))
        if numbers.audits != self._last.audits:
            self._gauges["last_audit_timestamp_seconds"].set(self._clock())
        self._last = numbers
        self._show(numbers)

    def _show(self, numbers: Numbers) -> None:
        for role in _ROLES:
            self._gauges["role"].labels(role).set(role == numbers.role)
        for state in ("in_force", "waiting", "unfit"):
            self._gauges["members"].labels(state).set(numbers.members.get(state, 0))
        kinds = Tally(drift.kind for drift in numbers.drift or ())
        # A new master may raise an alarm before its first audit: that says nothing of the rest.
        is_master = numbers.role == "master"
        compared = not is_master or numbers.ports is not None
        groups = not is_master or numbers.knows_groups
        for kind in DriftClass:
            known = compared and (groups or kind not in GROUP_KINDS)
            none = 0 if known and numbers.drift is not None else None
            self._gauges["drift"].labels(kind.value).set(_known(kinds[kind] or none))
        self._gauges["problems"].set(numbers.problems)
        self._gauges["ports"].set(_known(numbers.ports))
        self._gauges["unread_ports"].set(_known(numbers.unread))
        self._gauges["unread_nodes"].set(_known(numbers.unread_nodes))
        full, entries = numbers.fullest, self._gauges["fullest_table_entries"]
        entries.labels("used").set(_known(full.used if full else None))
        entries.labels("capacity").set(_known(full.entries if full else None))


def _known(number: int | None) -> float:
    """Return *number*; not a number where it is not known, as Prometheus spells that."""
    return float("nan") if number is None else number
