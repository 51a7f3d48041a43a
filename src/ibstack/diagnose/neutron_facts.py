# SPDX-License-Identifier: Apache-2.0
"""Reading from Neutron's API what a port's way leads by; finding the port by any of its names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ibstack.diagnose.cloud_facts import (
    DHCP_AGENT,
    CloudAgent,
    CloudFacts,
    CloudNetwork,
    CloudPort,
    has_vf,
    text_of,
)
from ibstack.fabric.errors import BadInput, BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import IpoibAddress
from ibstack.fabric.pci import PciAddress
from ibstack.formats.codec import object_of
from ibstack.formats.extra_dhcp_opts import client_id_of
from ibstack.neutron.protocol.agent_report import ReportedAdapter, read_adapter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ibstack.facts.cloud.network_api import NetworkApi, Row

_IPV4: Final = 4


def read_cloud(api: NetworkApi, wanted: str, host: str | None = None) -> CloudFacts:
    """Read what is known of the port *wanted*: its name, id or VF, or an address made of its MAC.

    *host* tells several apart.  BadInput where several ports are meant, or a name or an id that no
    port has, or the GUID of a physical port.
    """
    agents = tuple(map(_agent, api.list("agents")))
    rows = _on(host, _find(api, wanted, agents))
    mac = mac_of(wanted)
    if not rows:
        if mac is None and pci_of(wanted) is None:
            raise BadInput(
                f"cannot explain port {wanted!r}: Neutron shows this user no port of that name or"
                " id; act as an administrator, or name it by MAC, GUID or PCI address"
            )
        return CloudFacts(wanted, None, agents=agents, mac=mac)
    if len(rows) > 1:
        raise BadInput(
            f"cannot explain port {wanted!r}: several ports are meant: {_shown(rows)}; give an id,"
            " or --host"
        )
    return _around(api, wanted, _port(rows[0]), agents)


def _around(
    api: NetworkApi, wanted: str, port: CloudPort, agents: tuple[CloudAgent, ...]
) -> CloudFacts:
    network_id = port.network_id
    networks = api.list("networks", id=network_id)
    subnets = api.list("subnets", network_id=network_id)
    owned = api.list("ports", network_id=network_id, device_owner="network:dhcp")
    network = _network(networks[0], subnets) if networks else None
    return CloudFacts(
        wanted,
        port,
        network=network,
        agents=agents,
        neighbours=_neighbours(api, port, network),
        dhcp_hosts=_dhcp_hosts(owned, agents),
    )


def _dhcp_hosts(owned: Sequence[Row], agents: Sequence[CloudAgent]) -> tuple[str, ...]:
    """Return the hosts of the network's DHCP ports, as far as they have a DHCP agent."""
    known = {agent.host for agent in agents if agent.binary == DHCP_AGENT}
    hosts = {str(row.get("binding:host_id") or "") for row in owned}
    return tuple(sorted(known & hosts))


def _neighbours(
    api: NetworkApi, port: CloudPort, network: CloudNetwork | None
) -> tuple[CloudPort, ...]:
    """Return the other ports that have its VF, and those of its fabric that have its MAC.

    Elsewhere a MAC may repeat: a fabric alone knows a port by a GUID that is made of it.
    """
    on_a_vf = port.host and port.pci_slot
    there = api.list("ports", **{"binding:host_id": port.host}) if on_a_vf else ()
    same_vf = [row for row in there if _slot(row) == port.pci_slot]
    twins = [row for row in api.list("ports", mac_address=port.mac) if row["id"] != port.id]
    fabrics = {
        each: _physical_network(api, each) for each in {str(row["network_id"]) for row in twins}
    }
    mine = network.physical_network if network else None
    same_mac = [row for row in twins if fabrics[str(row["network_id"])] == mine]
    found = {other.id: other for other in map(_port, (*same_mac, *same_vf))}
    found.pop(port.id, None)
    return tuple(found[port_id] for port_id in sorted(found))


def _physical_network(api: NetworkApi, network_id: str) -> str | None:
    rows = api.list("networks", id=network_id)
    return rows[0].get("provider:physical_network") if rows else None


def _find(api: NetworkApi, wanted: str, agents: Sequence[CloudAgent]) -> list[Row]:
    mac, pci, guid = mac_of(wanted), pci_of(wanted), _guid(wanted)
    if mac is not None:
        return list(api.list("ports", mac_address=mac))
    if pci is not None:
        # Not by the agents' VFs: of a host whose agent is gone there would be none.
        return [row for row in api.list("ports") if _slot(row) == str(pci)]
    if guid is not None:
        raise _no_ports_own(api, wanted, guid, agents)
    return list(api.list("ports", id=wanted)) or list(api.list("ports", name=wanted))


def _on(host: str | None, rows: list[Row]) -> list[Row]:
    """Return those on *host*; of a port that is on another host alone, that one all the same."""
    there = [row for row in rows if row.get("binding:host_id") == host]
    return there or rows if host and len(rows) > 1 else rows


def _no_ports_own(
    api: NetworkApi, wanted: str, guid: Guid, agents: Sequence[CloudAgent]
) -> BadInput:
    """Tell whose GUID it is that no MAC makes: a physical port's serves several ports on mlx4."""
    having = [(agent, a) for agent in agents for a in agent.adapters if a.port_guid == guid]
    if not having:
        return BadInput(
            f"cannot explain port {wanted!r}: no MAC makes that GUID, and no host reports an"
            " adapter with it; name the port by name, id, MAC or PCI address"
        )
    agent, adapter = having[0]
    rows = api.list("ports", **{"binding:host_id": agent.host})
    served = [row for row in rows if has_vf(adapter, _slot(row))]
    return BadInput(
        f"cannot explain port {wanted!r}: that is the adapter of {agent.host} on"
        f" {adapter.physical_network}, which serves {_shown(served) or 'no port now'}; name one of"
        " them"
    )


def _shown(rows: Sequence[Row]) -> str:
    return ", ".join(f"{row['id']} on {row.get('binding:host_id') or 'no host'}" for row in rows)


def mac_of(wanted: str) -> str | None:
    """Return the MAC that *wanted* is, or that the GUID or the IPoIB address was made from."""
    try:
        Guid.from_mac(wanted)
    except BadValue:
        guid = _guid(wanted)
        return guid.as_mac() if guid else None
    return wanted.strip().lower().replace("-", ":")


def _guid(wanted: str) -> Guid | None:
    for read in (Guid.parse, lambda text: IpoibAddress.parse(text).guid):
        try:
            return read(wanted)
        except BadValue:
            continue
    return None


def pci_of(wanted: str) -> PciAddress | None:
    try:
        return PciAddress.parse(wanted)
    except BadValue:
        return None


def _slot(row: Row) -> str | None:
    profile = row.get("binding:profile") or {}
    slot = profile.get("pci_slot")
    return str(slot) if slot else None


def _port(row: Row) -> CloudPort:
    fixed = row.get("fixed_ips") or ()
    return CloudPort(
        id=str(row["id"]),
        name=str(row.get("name") or ""),
        mac=str(row["mac_address"]).lower(),
        network_id=str(row["network_id"]),
        admin_state_up=bool(row["admin_state_up"]),
        status=str(row["status"]),
        vnic_type=str(row.get("binding:vnic_type") or "normal"),
        host=str(row.get("binding:host_id") or ""),
        vif_type=str(row.get("binding:vif_type") or "unbound"),
        pci_slot=_slot(row),
        device_owner=str(row.get("device_owner") or ""),
        client_id=client_id_of(row),
        addresses=tuple(str(each["ip_address"]) for each in fixed),
        subnets=tuple(str(each["subnet_id"]) for each in fixed),
    )


def _network(row: Row, subnets: Sequence[Row]) -> CloudNetwork:
    segmentation_id = row.get("provider:segmentation_id")
    return CloudNetwork(
        id=str(row["id"]),
        name=str(row["name"] or row["id"]),
        network_type=row.get("provider:network_type"),
        physical_network=row.get("provider:physical_network"),
        segmentation_id=None if segmentation_id is None else int(segmentation_id),
        dhcp_subnets=tuple(
            str(s["id"]) for s in subnets if s["enable_dhcp"] and s["ip_version"] == _IPV4
        ),
    )


def _agent(row: Row) -> CloudAgent:
    configurations = _configurations(row)
    role = configurations.get("role")
    reported = configurations.get("adapters")
    read = [_adapter(each) for each in reported] if isinstance(reported, list) else []
    return CloudAgent(
        binary=str(row["binary"]),
        host=str(row["host"]),
        alive=bool(row["alive"]),
        admin_state_up=bool(row.get("admin_state_up", True)),
        adapters=tuple(each for each in read if isinstance(each, ReportedAdapter)),
        physical_networks=text_of(configurations, "physical_networks"),
        role=str(role) if role else None,
        problems=text_of(configurations, "problems"),
        unread=tuple(each for each in read if isinstance(each, str)),
    )


def _configurations(row: Row) -> Mapping[str, Any]:
    raw = row.get("configurations")
    if isinstance(raw, str):
        return object_of(raw)
    return raw if isinstance(raw, dict) else {}


def _adapter(row: Any) -> ReportedAdapter | str:
    """Return an adapter of a report, or why it cannot be read; Neutron leaves that one out too."""
    try:
        return read_adapter(row)
    except KeyError as error:
        return f"it has no {error.args[0]}"
    except (BadValue, TypeError, AttributeError) as error:
        return str(error)
