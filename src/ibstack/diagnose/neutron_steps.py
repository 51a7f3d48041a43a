# SPDX-License-Identifier: Apache-2.0
"""The steps of a port's way that lie in Neutron.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.diagnose.cloud_facts import (
    AGENT,
    CloudNetwork,
    CloudPort,
    has_vf,
    is_own,
    physical_networks,
    served,
)
from ibstack.diagnose.finding import Facts, Finding, State, not_needed, right, wrong
from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.fabric.pci import PciAddress, fold
from ibstack.fabric.segment import segment_entry
from ibstack.neutron.protocol.conventions import OWN_VIF_TYPE, VIF_TYPE

if TYPE_CHECKING:
    from ibstack.diagnose.cloud_facts import CloudAgent
    from ibstack.fabric.partition import TableEntry

_PORT: Final = "Neutron API, port"
_NETWORK: Final = "Neutron API, network"
_AGENTS: Final = "Neutron API, agents"
_NO_FILTER: Final = "security groups: not enforced on a VF"
_SERVERS: Final = "compute:"
_TYPES: Final = ("vlan", "flat")


def port_of(facts: Facts) -> tuple[CloudPort, CloudNetwork]:
    """Return the port and its network; only for steps behind the first."""
    port, network = facts.cloud.port, facts.cloud.network
    if port is None or network is None:
        raise RuntimeError("the walk should have ended where Neutron does not know the port")
    return port, network


def entry_of(facts: Facts) -> TableEntry:
    """Return what the table of the port's member should hold.  BadValue: its network has no key."""
    _, network = port_of(facts)
    return segment_entry(network.network_type, network.segmentation_id)


def guid_of(facts: Facts) -> Guid:
    port, _ = port_of(facts)
    return Guid.from_mac(port.mac)


def known(facts: Facts) -> Finding:
    cloud = facts.cloud
    if cloud.port is not None and cloud.network is not None:
        return right(f"port {cloud.port.id} of network {cloud.network.name}", _PORT)
    plug = facts.vf.plug or facts.vf.holder if facts.vf else None
    if plug is not None and facts.vf is not None:
        return wrong(
            "no such port, and yet a VF is plugged for it",
            f"{_PORT}; ibstack-eswitchd on {facts.vf.host}",
            f"VF {plug.pci} of {facts.vf.host} is plugged for MAC {plug.mac}, of which Neutron has"
            " no port",
            "create the port, or unplug the VF there with"
            f" `ebrctl del-port {plug.physical_network} {plug.mac}`",
        )
    if cloud.port is not None:
        return wrong(
            f"port {cloud.port.id}, and not its network {cloud.port.network_id}",
            _NETWORK,
            f"Neutron shows this user no network {cloud.port.network_id}, which the port is of",
            "act as an administrator",
        )
    unseen = "" if facts.vf else f"; VFs were not looked at: {facts.why_missing('vf')}"
    return wrong(
        f"no such port{unseen}",
        _PORT,
        f"Neutron has no port {cloud.wanted!r}",
        "look for it with `openstack port list --long`, as an administrator",
    )


def switched_on(facts: Facts) -> Finding:
    port, _ = port_of(facts)
    if port.admin_state_up:
        return right("admin_state_up is true", _PORT)
    return wrong(
        "admin_state_up is false",
        _PORT,
        "the port is switched off in Neutron",
        f"run `openstack port set --enable {port.id}`",
    )


def makes_a_guid(facts: Facts) -> Finding:
    port, network = port_of(facts)
    if not is_infiniband(facts):
        return not_needed(f"network {network.name} is no InfiniBand network", _NETWORK)
    try:
        guid = Guid.from_mac(port.mac)
    except BadValue as error:
        return wrong(
            f"MAC {port.mac} makes no GUID",
            _PORT,
            f"the port's MAC {port.mac} cannot be made into a GUID: {error.why}",
            "make the port anew with another MAC",
        )
    twins = [n for n in facts.cloud.neighbours if (n.mac, n.vnic_type) == (port.mac, "direct")]
    if twins:
        return wrong(
            f"MAC {port.mac} is that of port {twins[0].id} too",
            _PORT,
            f"the port's MAC {port.mac}, and so its GUID {guid}, is also that of port"
            f" {twins[0].id}",
            "delete the younger of the two ports and make it anew without naming a MAC",
        )
    return right(f"MAC {port.mac}, GUID {guid}", _PORT)


def has_a_partition(facts: Facts) -> Finding:
    _, network = port_of(facts)
    if network.network_type not in _TYPES or not network.physical_network:
        return wrong(
            f"network {network.name} is of type {network.network_type}",
            _NETWORK,
            f"network {network.name} is of type {network.network_type}, which is no InfiniBand"
            " network",
            "ask who keeps that network: a port for InfiniBand is made on one of type vlan whose"
            " physical network is a fabric",
        )
    if network.physical_network not in served(facts.cloud.agents):
        return wrong(
            f"physical network {network.physical_network}, which none of ibstack's agents serves",
            f"{_NETWORK}; {_AGENTS}",
            f"network {network.name} is no InfiniBand network, for none of ibstack's agents serves"
            f" its physical network {network.physical_network}",
            "ask who keeps that network; where it is to be InfiniBand, name its physical network"
            f" in physical_interface_mappings of ibstack-eswitchd and start {AGENT} there",
        )
    try:
        entry = entry_of(facts)
    except BadValue as error:
        return wrong(
            f"segmentation id {network.segmentation_id}",
            _NETWORK,
            f"the segmentation id {network.segmentation_id} of network {network.name} is no"
            f" partition key: {error.why}",
            "make the network anew with a segmentation id of 1 to 32751",
        )
    where = f"physical network {network.physical_network}"
    return right(f"{network.network_type}, {where}, table entry {entry}", _NETWORK)


def is_direct(facts: Facts) -> Finding:
    port, _ = port_of(facts)
    if port.vnic_type == "direct":
        return right("vnic type direct", _PORT)
    if port.device_owner and not port.device_owner.startswith(_SERVERS):
        return wrong(
            f"vnic type {port.vnic_type}, of {port.device_owner}",
            _PORT,
            f"the port belongs to {port.device_owner}, which ibstack does not serve",
            "see what made it: on InfiniBand there are direct ports of servers, DHCP agents, and"
            " routers that are not distributed",
        )
    return wrong(
        f"vnic type {port.vnic_type}",
        _PORT,
        f"the port's vnic type is {port.vnic_type}, and only direct ports get a VF",
        "make the port anew with `--vnic-type direct`",
    )


def has_a_host(facts: Facts) -> Finding:
    port, _ = port_of(facts)
    if port.host:
        return right(f"host {port.host}", _PORT)
    if is_own(port):
        return wrong(
            "no host",
            _PORT,
            f"the port of {port.device_owner} has been given to no host: no agent has it",
            "see which agents of Neutron are alive: `openstack network agent list`",
        )
    return wrong(
        "no host",
        _PORT,
        "the port has been given to no host: no server has it",
        f"boot a server with it: `openstack server create --port {port.id} …`",
    )


def is_bound(facts: Facts) -> Finding:
    port, _ = port_of(facts)
    found, own = f"vif type {port.vif_type}", is_own(port)
    wanted = OWN_VIF_TYPE if own else VIF_TYPE
    if port.vif_type == wanted:
        return right(found if own else f"{found}; {_NO_FILTER}", _PORT)
    if port.vif_type != "binding_failed":
        return wrong(
            found,
            _PORT,
            f"another mechanism driver has bound the port: its vif type is {port.vif_type}, and"
            f" should be {wanted}",
            "put infiniband before that driver into mechanism_drivers of ml2_conf.ini, or name the"
            " port's physical network to one of them only",
        )
    again = "restart the agent of Neutron that owns it" if own else "boot the server anew"
    for step in (agent_alive, network_mapped, *(() if own else (vf_reported,))):
        cause = step(facts)
        if cause.state is State.WRONG:
            return wrong(
                f"{found}; {cause.found}",
                f"{_PORT}; {cause.source}",
                f"Neutron could not bind the port to {port.host}: {cause.answer}",
                f"{cause.remedy}, then {again}",
            )
    return wrong(
        found,
        _PORT,
        f"Neutron could not bind the port to {port.host} when it was asked to, and now could",
        f"{again}; the log of neutron-server says why it failed, at `infiniband`",
    )


def agent_alive(facts: Facts) -> Finding:
    port, _ = port_of(facts)
    agent = facts.cloud.agent(AGENT, port.host)
    if agent is None:
        hosts = ", ".join(sorted(a.host for a in facts.cloud.agents if a.binary == AGENT))
        return wrong(
            f"no {AGENT} on {port.host}",
            _AGENTS,
            f"{AGENT} on {port.host} has never reported to Neutron, which knows it on"
            f" {hosts or 'no host'}",
            f"start {AGENT} on {port.host}, and see that `host` in its configuration is what"
            " nova-compute calls that host",
        )
    if not agent.alive:
        return wrong(
            "not alive",
            _AGENTS,
            f"{AGENT} on {port.host} does not report to Neutron any more",
            f"see whether {port.host} is up, then `systemctl status {AGENT}` on it",
        )
    return right(f"{AGENT} on {port.host} is alive", _AGENTS)


def network_mapped(facts: Facts) -> Finding:
    port, network = port_of(facts)
    agent = _agent(facts)
    mapped = physical_networks(agent)
    found = f"{port.host} maps {', '.join(mapped) or 'none'}"
    if network.physical_network in mapped:
        return right(found, _AGENTS)
    if agent.unread:
        return wrong(
            f"{found}; an adapter of its report cannot be read: {agent.unread[0]}",
            _AGENTS,
            f"{AGENT} on {port.host} reports an adapter that cannot be read: {agent.unread[0]}",
            f"install the release of ibstack on {port.host} that neutron-server has, and restart"
            f" {AGENT} there",
        )
    return wrong(
        found,
        _AGENTS,
        f"{port.host} maps no adapter to physical network {network.physical_network}; it maps"
        f" {', '.join(mapped) or 'none at all'}",
        f"add {network.physical_network}:INTERFACE to physical_interface_mappings of"
        f" ibstack-eswitchd on {port.host} and restart it; `ibstack host show` there says what it"
        " finds",
    )


def vf_reported(facts: Facts) -> Finding:
    port, network = port_of(facts)
    if port.pci_slot is None:
        return wrong(
            "no pci_slot in the binding profile",
            _PORT,
            f"the port is on {port.host} and names no VF: its binding profile has no pci_slot",
            f"have nova boot the server on {port.host}; it writes pci_slot when [pci] device_spec"
            " matches a VF",
        )
    try:
        pci = PciAddress.parse(port.pci_slot)
    except BadValue as error:
        return wrong(
            f"pci_slot {port.pci_slot}",
            _PORT,
            f"the port's pci_slot {port.pci_slot!r} is no PCI address: {error.why}",
            "mend [pci] device_spec of nova and boot the server anew",
        )
    agent = _agent(facts)
    mine = [a for a in agent.adapters if a.physical_network == network.physical_network]
    if not any(has_vf(adapter, port.pci_slot) for adapter in mine):
        there = ", ".join(fold(adapter.vfs) for adapter in mine if adapter.vfs) or "none"
        return wrong(
            f"{port.host} has VFs {there}",
            _AGENTS,
            f"{pci} is no VF of {port.host} on physical network {network.physical_network}, which"
            f" has {there}",
            "mend [pci] device_spec of nova on that host, or make the VF, and boot the server anew",
        )
    return _taken_by_another(facts, port) or right(f"VF {pci} of {port.host}", _AGENTS)


def _taken_by_another(facts: Facts, port: CloudPort) -> Finding | None:
    place = (port.host, port.pci_slot)
    other = next((n for n in facts.cloud.neighbours if (n.host, n.pci_slot) == place), None)
    if other is None:
        return None
    return wrong(
        f"port {other.id} has it too",
        _PORT,
        f"VF {port.pci_slot} of {port.host} is also that of port {other.id}",
        "delete the server of one of them and boot it anew",
    )


def is_infiniband(facts: Facts) -> bool:
    """Tell whether the port's network is one of a fabric that an agent of ours serves."""
    _, network = port_of(facts)
    fabrics = served(facts.cloud.agents)
    return network.network_type in _TYPES and network.physical_network in fabrics


def _agent(facts: Facts) -> CloudAgent:
    port, _ = port_of(facts)
    agent = facts.cloud.agent(AGENT, port.host)
    if agent is None:
        raise RuntimeError("the walk should have ended where there is no agent")
    return agent
