# SPDX-License-Identifier: Apache-2.0
"""What ibstack-agent counts, for Prometheus, and what it reads of ibstack-eswitchd for that.

eswitchd is root and has no network: its numbers are read over its socket whenever Prometheus asks
the agent (docs/reference/metrics.md).
"""

from __future__ import annotations

import logging
from collections import Counter as Tally
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from ibstack.fabric.errors import IbstackError
from ibstack.host.client.observed import AttachmentState
from ibstack.runtime.metrics import PassMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client.core import Metric

    from ibstack.host.client.eswitch_client import EswitchClient
    from ibstack.host.client.observed import ObservedHost
    from ibstack.runtime.loop import Outcome

LOG = logging.getLogger(__name__)

_AGENT: Final = "ibstack_agent"
_ESWITCHD: Final = "ibstack_eswitchd"


class AgentMetrics(PassMetrics):
    """The metrics of one agent, and those of the eswitchd beside it."""

    def __init__(self, version: str, host: str, eswitch: EswitchClient) -> None:
        super().__init__(_AGENT)
        own = self.registry
        info = Gauge(
            f"{_AGENT}_info",
            "The release that runs, and the host's name in Neutron; always 1.",
            ("version", "host"),
            registry=own,
        )
        info.labels(version, host).set(1)
        self._waiting = Gauge(
            f"{_AGENT}_waiting",
            "1 while a plug waits for longer than it takes; else 0, and where the pass failed.",
            registry=own,
        )
        self._writes = Counter(
            f"{_AGENT}_writes_total", "Changes made to virtual functions.", registry=own
        )
        own.register(EswitchdNumbers(eswitch))

    def count(self, outcome: Outcome) -> None:
        """Count what a pass did."""
        self.count_pass(outcome)
        self._writes.inc(outcome.changed)
        self._waiting.set(outcome.waiting_for is not None)


class EswitchdNumbers(Collector):
    """Reads the host through eswitchd when Prometheus asks; says so where it does not answer."""

    def __init__(self, eswitch: EswitchClient) -> None:
        self._eswitch = eswitch

    def describe(self) -> Iterable[Metric]:
        return (*_families(None), _requests({}))

    def collect(self) -> Iterable[Metric]:
        try:
            observed, counts = self._eswitch.read(), self._eswitch.counts()
        except IbstackError as error:
            LOG.debug("no numbers of eswitchd: %s", error)
            return (*_families(None), _requests({}))
        return (*_families(observed), _requests(counts))


def _requests(counts: Mapping[tuple[str, str], int]) -> Metric:
    found = CounterMetricFamily(
        f"{_ESWITCHD}_requests",
        "Requests answered on the socket, by verb and result: done, or the kind of failure.",
        labels=("verb", "result"),
    )
    for labels, count in counts.items():
        found.add_metric(labels, count)
    return found


def _families(host: ObservedHost | None) -> Iterable[Metric]:
    """Return what is known of *host*; where that is None, only that nothing is."""
    up = GaugeMetricFamily(
        f"{_ESWITCHD}_up", "1 where ibstack-eswitchd answers on its socket, else 0."
    )
    up.add_metric((), int(host is not None))
    attachments = GaugeMetricFamily(
        f"{_ESWITCHD}_attachments",
        "VFs given to instances: pending plugs, and those that are as Neutron wants them.",
        labels=("state",),
    )
    functions = GaugeMetricFamily(
        f"{_ESWITCHD}_virtual_functions",
        "Virtual functions of each mapped interface.",
        labels=("physical_network", "interface"),
    )
    active = GaugeMetricFamily(
        f"{_ESWITCHD}_port_active",
        "1 where the physical port is active, 0 where it is not.",
        labels=("physical_network", "interface"),
    )
    problems = GaugeMetricFamily(
        f"{_ESWITCHD}_problems", "What a person has to see to on this host."
    )
    if host is not None:
        states = Tally(each.state for each in host.attachments)
        for state in AttachmentState:
            attachments.add_metric((state.value,), states[state])
        for adapter in host.adapters:
            labels = (adapter.physical_network, adapter.interface)
            functions.add_metric(labels, len(adapter.vfs))
            if adapter.port_state is not None:
                active.add_metric(labels, adapter.port_state == "active")
        problems.add_metric((), len(host.problems))
    return up, attachments, functions, active, problems
