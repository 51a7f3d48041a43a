# SPDX-License-Identifier: Apache-2.0
"""Asking all who know something of a port: Neutron, its host, a subnet manager's host, DHCP's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from ibstack.diagnose import dhcp_steps, neutron_facts
from ibstack.diagnose.cloud_facts import AGENT
from ibstack.diagnose.finding import Facts
from ibstack.diagnose.host_facts import FabricFacts, GroupFacts, HostFacts, Question
from ibstack.diagnose.membership import is_physical, members_of
from ibstack.diagnose.neutron_steps import entry_of, is_infiniband
from ibstack.fabric.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack.facts.cloud.network_api import NetworkApi

ReadFacts: TypeAlias = "Callable[[Mapping[str, Question]], Mapping[str, HostFacts]]"
"""Asks each host its question, all at once; this one for an empty name."""


@dataclass(slots=True)
class _Missing:
    why: list[tuple[str, str]] = field(default_factory=list)

    def note(self, part: str, host: str, answer: HostFacts) -> None:
        self.why.append((part, answer.missing.get(part, f"{host or 'this host'} did not say")))


def gather(api: NetworkApi, read: ReadFacts, wanted: str, host: str | None = None) -> Facts:
    """Ask all of them; BadInput where *wanted* is no port, or several."""
    cloud = neutron_facts.read_cloud(api, wanted, host)
    facts, missing = Facts(cloud), _Missing()
    port = cloud.port
    if port is None:
        name = host or ""
        question = Question(mac=cloud.mac or "", pci=_pci(wanted, cloud.mac))
        answer = read({name: question})[name]
        if answer.vf is None:
            missing.note("vf", host or "", answer)
        return replace(facts, vf=answer.vf, missing=tuple(missing.why))
    if cloud.network is None or not is_infiniband(facts):
        return facts
    if port.host and port.pci_slot and neutron_facts.pci_of(port.pci_slot):
        answer = read({port.host: Question(mac=port.mac, pci=port.pci_slot)})[port.host]
        if answer.vf is None:
            missing.note("vf", port.host, answer)
        facts = replace(facts, vf=answer.vf)
    facts = replace(facts, fabric=_fabric(facts, read, missing))
    facts = _dhcp(facts, read, missing)
    facts = replace(facts, group=_group(facts, read, missing))
    return replace(facts, missing=tuple(missing.why))


def _fabric(facts: Facts, read: ReadFacts, missing: _Missing) -> FabricFacts | None:
    """Ask the hosts of the fabric's subnet managers; the first that can tell counts, the master."""
    cloud, port, key = facts.cloud, facts.cloud.port, _key(facts)
    if key is None:
        return None
    question = Question(
        mac=port.mac if port else "",
        key=key,
        port_id=port.id if port else None,
        guids=tuple(sorted({*members_of(facts), *_dhcp_guids(facts)})),
    )
    blind = None
    names = [agent.host for agent in cloud.fabric_agents()] or [""]
    for name, answer in read(dict.fromkeys(names, question)).items():
        if answer.fabric is None:
            missing.note("fabric", name, answer)
        elif not answer.fabric.unread:
            return answer.fabric
        else:
            blind = blind or answer.fabric
    return blind


def _dhcp(facts: Facts, read: ReadFacts, missing: _Missing) -> Facts:
    """Ask the hosts that serve DHCP; as members they are told of the broadcast group too."""
    port, key = facts.cloud.port, _key(facts)
    if port is None or key is None or not dhcp_steps.wants_dhcp(facts):
        return facts
    found, group = [], None
    question = Question(
        port.mac, network=port.network_id, group=key, physical_network=_fabric_of(facts)
    )
    for name, answer in read(dict.fromkeys(facts.cloud.dhcp_hosts, question)).items():
        if answer.dhcp is None:
            missing.note("dhcp", name, answer)
        else:
            found.append(answer.dhcp)
        group = _better(group, answer, name, missing)
    return replace(facts, dhcp=tuple(found), group=group)


def _group(facts: Facts, read: ReadFacts, missing: _Missing) -> GroupFacts | None:
    """Ask the port's own host, if its physical port is a member, where DHCP's cannot say."""
    port, key = facts.cloud.port, _key(facts)
    known = facts.group is not None and facts.group.there is not None
    if known or port is None or key is None or not port.host:
        return facts.group
    if not is_physical(facts):
        if facts.group is None:
            missing.why.append(("group", "only members are told, and no host's own port is one"))
        return facts.group
    question = Question(port.mac, group=key, physical_network=_fabric_of(facts))
    answer = read({port.host: question})[port.host]
    return _better(facts.group, answer, port.host, missing)


def _better(
    before: GroupFacts | None, answer: HostFacts, host: str, missing: _Missing
) -> GroupFacts | None:
    if answer.group is None:
        missing.note("group", host, answer)
        return before
    return before if before is not None and before.there is not None else answer.group


def _dhcp_guids(facts: Facts) -> set[str]:
    agents = (facts.cloud.agent(AGENT, host) for host in facts.cloud.dhcp_hosts)
    return {str(a.port_guid) for agent in agents if agent for a in agent.adapters if a.port_guid}


def _fabric_of(facts: Facts) -> str | None:
    return facts.cloud.network.physical_network if facts.cloud.network else None


def _key(facts: Facts) -> int | None:
    try:
        return entry_of(facts).partition.base
    except BadValue:
        return None


def _pci(wanted: str, mac: str | None) -> str | None:
    return wanted if mac is None else None
