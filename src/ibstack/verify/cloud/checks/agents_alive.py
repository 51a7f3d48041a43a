# SPDX-License-Identifier: Apache-2.0
"""The article's `neutron agent-list`: every agent of the network is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.cloud.agents import DHCP, OURS, PARTITION
from ibstack.verify.site import each_agent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.site import Agent

_SOURCE: Final = "`openstack network agent list`"


def _look(agent: Agent) -> Iterator[Seen]:
    if agent.kind not in (*OURS, DHCP):
        return
    faults = [] if agent.alive else ["not alive"]
    faults += [] if agent.admitted else ["admin state down"]
    unit = "ibstack-fabricd" if agent.kind == PARTITION else agent.binary
    remedy = f"on that host: `systemctl status {unit}`, `journalctl -u {unit}`"
    if agent.alive:
        remedy = "`openstack network agent set --enable ID`"
    thing = f"agent {agent.binary}"
    found = ", ".join(faults) or "alive"
    yield Seen(agent.host, not faults, found, _SOURCE, thing, "", remedy)


RULE: Final = Rule(
    "agents-alive",
    "the agent is alive",
    "alive, admin state up",
    "start it",
    each_agent(_look),
    rank=3,
)
