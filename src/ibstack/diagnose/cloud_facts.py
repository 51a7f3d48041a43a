# SPDX-License-Identifier: Apache-2.0
"""What Neutron says of a port and of all that its way leads by.  None: not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.fabric import neutron_names
from ibstack.fabric.errors import BadValue
from ibstack.fabric.pci import PciAddress
from ibstack.neutron.protocol.conventions import OWN_DEVICE_OWNERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ibstack.neutron.protocol.agent_report import ReportedAdapter


@dataclass(frozen=True, slots=True)
class CloudPort:
    """A Neutron port, as an administrator sees it."""

    id: str
    name: str
    mac: str
    network_id: str
    admin_state_up: bool
    status: str
    vnic_type: str
    host: str
    """Empty: it has been given to no host."""
    vif_type: str
    """unbound, binding_failed, ib_hostdev …"""
    pci_slot: str | None
    device_owner: str = "compute:nova"
    client_id: str | None = None
    addresses: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    """Ids of the subnets of its addresses."""


@dataclass(frozen=True, slots=True)
class CloudNetwork:
    """A network, and the ids of its IPv4 subnets that have DHCP."""

    id: str
    name: str
    network_type: str | None
    physical_network: str | None
    segmentation_id: int | None
    dhcp_subnets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloudAgent:
    """An agent of Neutron's list."""

    binary: str
    host: str
    alive: bool
    admin_state_up: bool = True
    adapters: tuple[ReportedAdapter, ...] = ()
    """Of ibstack-agent."""
    physical_networks: tuple[str, ...] = ()
    """Of ibstack-fabricd: what it serves."""
    role: str | None = None
    """Of ibstack-fabricd: master, standby, unknown."""
    problems: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    """What is wrong with adapters of its report that cannot be read: Neutron leaves them out."""


@dataclass(frozen=True, slots=True)
class CloudFacts:
    """All of it."""

    wanted: str
    """The port, as the person named it."""
    port: CloudPort | None
    """None: Neutron has no such port."""
    network: CloudNetwork | None = None
    agents: tuple[CloudAgent, ...] = ()
    neighbours: tuple[CloudPort, ...] = ()
    """Other ports of its physical network that have its MAC, and those that have its VF."""
    dhcp_hosts: tuple[str, ...] = ()
    """Whose agents are to serve its network."""
    mac: str | None = None
    """Of a port that Neutron does not know, where the person named it by MAC or GUID."""

    def agent(self, binary: str, host: str) -> CloudAgent | None:
        return next((a for a in self.agents if (a.binary, a.host) == (binary, host)), None)

    def fabric_agents(self) -> tuple[CloudAgent, ...]:
        """Return the ibstack-fabricds that serve the port's physical network, master first."""
        physical = self.network.physical_network if self.network else None
        found = [a for a in self.agents if a.binary == FABRICD and physical in a.physical_networks]
        return tuple(sorted(found, key=lambda a: (a.role != "master", not a.alive, a.host)))


AGENT = neutron_names.AGENT_BINARY
FABRICD = neutron_names.FABRICD_BINARY
DHCP_AGENT = neutron_names.DHCP_AGENT_BINARY


def is_own(port: CloudPort) -> bool:
    """Tell a DHCP or router port: the host plugs it for itself, on its adapter, without a VF."""
    return port.device_owner in OWN_DEVICE_OWNERS


def has_vf(adapter: ReportedAdapter, pci: str | None) -> bool:
    """Tell whether it has that VF; what is no PCI address is none of its VFs."""
    try:
        return PciAddress.parse(pci or "") in adapter.vfs
    except BadValue:
        return False


def adapter_of(facts: CloudFacts) -> ReportedAdapter | None:
    """Return the adapter that has the port's VF, by the agent's last report."""
    port, network = facts.port, facts.network
    agent = facts.agent(AGENT, port.host) if port else None
    if port is None or network is None or agent is None or port.pci_slot is None:
        return None
    mine = (a for a in agent.adapters if a.physical_network == network.physical_network)
    return next((a for a in mine if has_vf(a, port.pci_slot)), None)


def physical_networks(agent: CloudAgent) -> tuple[str, ...]:
    return tuple(sorted({adapter.physical_network for adapter in agent.adapters}))


def own_adapters(facts: CloudFacts, host: str) -> tuple[str, ...]:
    """Return the GUIDs of the host's adapters on the port's physical network."""
    agent = facts.agent(AGENT, host)
    physical = facts.network.physical_network if facts.network else None
    found = agent.adapters if agent else ()
    return tuple(str(a.port_guid) for a in found if a.physical_network == physical and a.port_guid)


def served(agents: Iterable[CloudAgent]) -> frozenset[str]:
    """Return the physical networks that an agent of ours has ever reported: they are InfiniBand."""
    return frozenset(
        name
        for agent in agents
        if agent.binary in (AGENT, FABRICD)
        for name in (*agent.physical_networks, *physical_networks(agent))
    )


def text_of(configurations: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return the texts of a list in an agent's report; none where it is something else."""
    found = configurations.get(name)
    return tuple(str(each) for each in found) if isinstance(found, list) else ()
