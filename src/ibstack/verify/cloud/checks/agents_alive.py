# SPDX-License-Identifier: Apache-2.0
"""Every agent that Neutron knows is alive and admitted, and it knows every one that hosts run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.cloud.agents import DHCP, OURS, PARTITION
from ibstack.verify.cloud.rows import has_row, wanted_rows
from ibstack.verify.evidence import shown
from ibstack.verify.site import with_agents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.site import Agent, Site

_SOURCE: Final = "`openstack network agent list`"


def _look(site: Site) -> Iterator[Seen]:
    def judge(agents: tuple[Agent, ...]) -> Iterator[Seen]:
        rows = [agent for agent in agents if agent.kind in (*OURS, DHCP)]
        yield from map(_judged, rows)
        missing = list(_missing(site, rows))
        yield from missing
        if not rows and not missing:
            yield Seen("", None, "Neutron knows no agent that serves InfiniBand", _SOURCE)

    return with_agents(judge)(site)


def _judged(agent: Agent) -> Seen:
    faults = [] if agent.alive else ["not alive"]
    faults += [] if agent.admitted else ["admin state down"]
    unit = "ibstack-fabricd" if agent.kind == PARTITION else agent.binary
    remedy = f"on that host: `systemctl status {unit}`, `journalctl -u {unit}`"
    if agent.alive:
        remedy = "`openstack network agent set --enable ID`"
    found = ", ".join(faults) or "alive"
    return Seen(agent.host, not faults, found, _SOURCE, f"agent {agent.binary}", "", remedy)


def _missing(site: Site, rows: list[Agent]) -> Iterator[Seen]:
    """Yield what never reported, which no row can tell."""
    for host in site.hosts.values():
        for wanted in wanted_rows(host):
            if has_row(wanted, rows):
                continue
            source = f"{_SOURCE}, {shown(wanted.mark)}"
            thing = f"agent {wanted.binary}"
            if wanted.unsure:
                why = f"Neutron has no row of it as {wanted.host}, and {wanted.unsure}"
                yield Seen(host.host, None, why, source, thing)
                continue
            unit = wanted.binary
            remedy = f"on that host: `systemctl status {unit}`, `journalctl -u {unit}`"
            yield Seen(host.host, False, "Neutron has no row of it", source, thing, "", remedy)


RULE: Final = Rule(
    "agents-alive",
    "the agent is alive",
    "alive, admin state up",
    "start it",
    _look,
    rank=3,
)
