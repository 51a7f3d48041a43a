# SPDX-License-Identifier: Apache-2.0
"""Neutron's agents: alive, without problems, answered with a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.fabric.neutron_names import DHCP_AGENT, OUR_AGENTS, PARTITION_AGENT
from ibstack.facts.evidence import shown
from ibstack.verify.check import Observation, rule
from ibstack.verify.cloud.rows import has_row, wanted_rows
from ibstack.verify.selectors import each_agent, with_agents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.site import Agent, Site

_LIST: Final = "`openstack network agent list`"


@rule(
    "agents-alive",
    "the agent is alive",
    "alive, admin state up",
    "start it",
    rank=3,
)
def agents_alive(site: Site) -> Iterator[Observation]:
    """Agents that Neutron knows are alive and admitted, and it knows all that hosts run."""

    def judge(agents: tuple[Agent, ...]) -> Iterator[Observation]:
        rows = [agent for agent in agents if agent.kind in (*OUR_AGENTS, DHCP_AGENT)]
        yield from map(_judged, rows)
        missing = list(_missing(site, rows))
        yield from missing
        if not rows and not missing:
            yield Observation("", None, "Neutron knows no agent that serves InfiniBand", _LIST)

    return with_agents(judge)(site)


def _judged(agent: Agent) -> Observation:
    faults = [] if agent.alive else ["not alive"]
    faults += [] if agent.admitted else ["admin state down"]
    unit = "ibstack-fabricd" if agent.kind == PARTITION_AGENT else agent.binary
    remedy = f"on that host: `systemctl status {unit}`, `journalctl -u {unit}`"
    if agent.alive:
        remedy = "`openstack network agent set --enable ID`"
    found = ", ".join(faults) or "alive"
    return Observation(agent.host, not faults, found, _LIST, f"agent {agent.binary}", "", remedy)


def _missing(site: Site, rows: list[Agent]) -> Iterator[Observation]:
    """Yield what never reported, which no row can tell."""
    for host in site.hosts.values():
        for wanted in wanted_rows(host):
            if has_row(wanted, rows):
                continue
            source = f"{_LIST}, {shown(wanted.mark)}"
            thing = f"agent {wanted.binary}"
            if wanted.unsure:
                why = f"Neutron has no row of it as {wanted.host}, and {wanted.unsure}"
                yield Observation(host.host, None, why, source, thing)
                continue
            unit = wanted.binary
            remedy = f"on that host: `systemctl status {unit}`, `journalctl -u {unit}`"
            yield Observation(
                host.host, False, "Neutron has no row of it", source, thing, "", remedy
            )


_SHOW: Final = "`openstack network agent show`, configurations"


@rule(
    "agents-content",
    "the agent reports no problem",
    "no problem",
    "what the problem says; its log has more",
)
@each_agent
def agents_content(agent: Agent) -> Iterator[Observation]:
    """No daemon reports a problem: what they cannot do is in their heartbeats."""
    if agent.kind not in OUR_AGENTS:
        return
    thing = f"agent {agent.binary}"
    problems = agent.configurations.get("problems")
    if not agent.alive or not isinstance(problems, list):
        why = "it is not alive" if not agent.alive else "its heartbeat has no list of problems"
        yield Observation(agent.host, None, why, _SHOW, thing)
        return
    for problem in problems:
        yield Observation(agent.host, False, str(problem), _SHOW, thing)
    if not problems:
        yield Observation(agent.host, True, "no problem", _SHOW, thing)


@rule(
    "answers-signed",
    "what Neutron answers about the fabric is signed",
    "an answer_key_file",
    "without it who has a compute host's account at the broker can answer in Neutron's place: give"
    " controllers and subnet manager hosts a key, docs/how-to/install.md says in which order",
    rank=8,
)
@each_agent
def answers_signed(agent: Agent) -> Iterator[Observation]:
    """fabricd believes no answer that somebody else may have given in Neutron's place."""
    if agent.kind != PARTITION_AGENT:
        return
    thing = f"agent {agent.binary}"
    signed = agent.configurations.get("signed")
    if not isinstance(signed, bool):
        why = "its heartbeat does not say, as before answers were signed"
        yield Observation(agent.host, None, why, _SHOW, thing)
        return
    found = "signed" if signed else "unsigned ones are believed"
    yield Observation(agent.host, signed, found, _SHOW, thing)
