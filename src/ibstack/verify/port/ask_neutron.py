# SPDX-License-Identifier: Apache-2.0
"""Reading from Neutron's API what a port's way leads by; finding the port by any of its names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from ibstack.fabric.errors import BadInput, BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import PciAddress
from ibstack.verify.port.cloud_facts import (
    AGENT,
    DHCP_AGENT,
    AgentAdapter,
    CloudAgent,
    CloudFacts,
    CloudNetwork,
    CloudPort,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row: TypeAlias = dict[str, Any]

_CLIENT_ID: Final = {"client-id", "61"}
"""neutron/agent/linux/dhcp.py, _get_client_id()."""
_IPV4: Final = 4
_NAMED: Final = 5


class NetworkApi(Protocol):
    """Neutron's REST API as an administrator has it: through openstacksdk, or the lab's own."""

    def list(self, kind: str, **filters: str) -> Sequence[Row]:
        """Return all of *kind* (`ports`, `agents`, …) as the API spells them."""
        ...


def ask(api: NetworkApi, wanted: str, host: str | None = None) -> CloudFacts:
    """Read what is known of the port *wanted*: a name, an id, a MAC, a GUID or a PCI address.

    *host* tells VFs of one PCI address apart.  BadInput where several ports are meant, or a name
    or an id that no port has.
    """
    agents = tuple(_agent(row) for row in api.list("agents"))
    rows = _find(api, wanted, host, agents)
    mac = _mac(wanted)
    if not rows:
        if mac is None and _pci(wanted) is None:
            raise BadInput(
                f"cannot explain port {wanted!r}: Neutron shows this user no port of that name or"
                " id; act as an administrator, or name it by MAC, GUID or PCI address"
            )
        return CloudFacts(wanted, None, agents=agents, mac=mac)
    if len(rows) > 1:
        shown = ", ".join(f"{r['id']} on {r.get('binding:host_id') or 'no host'}" for r in rows)
        raise BadInput(
            f"cannot explain port {wanted!r}: several ports are meant: {shown}; give an id, or"
            " --host"
        )
    return _around(api, wanted, _port(rows[0]), agents)


def _around(
    api: NetworkApi, wanted: str, port: CloudPort, agents: tuple[CloudAgent, ...]
) -> CloudFacts:
    network_id = port.network_id
    networks = api.list("networks", id=network_id)
    subnets = api.list("subnets", network_id=network_id)
    owned = api.list("ports", network_id=network_id, device_owner="network:dhcp")
    return CloudFacts(
        wanted,
        port,
        network=_network(networks[0], subnets) if networks else None,
        agents=agents,
        neighbours=_neighbours(api, port),
        dhcp_ports=tuple(_port(row) for row in owned),
        dhcp_hosts=_dhcp_hosts(owned, agents),
    )


def _dhcp_hosts(owned: Sequence[Row], agents: Sequence[CloudAgent]) -> tuple[str, ...]:
    """Return the hosts of the network's DHCP ports, as far as they have a DHCP agent."""
    known = {agent.host for agent in agents if agent.binary == DHCP_AGENT}
    hosts = {str(row.get("binding:host_id") or "") for row in owned}
    return tuple(sorted(known & hosts))


def _neighbours(api: NetworkApi, port: CloudPort) -> tuple[CloudPort, ...]:
    rows = [*api.list("ports", mac_address=port.mac)]
    if port.host and port.pci_slot:
        there = (_port(row) for row in api.list("ports", **{"binding:host_id": port.host}))
        same_vf = [other for other in there if other.pci_slot == port.pci_slot]
    else:
        same_vf = []
    found = {other.id: other for other in (*map(_port, rows), *same_vf)}
    found.pop(port.id, None)
    return tuple(found[port_id] for port_id in sorted(found))


def _find(
    api: NetworkApi, wanted: str, host: str | None, agents: Sequence[CloudAgent]
) -> list[Row]:
    mac, pci = _mac(wanted), _pci(wanted)
    if mac is not None:
        return list(api.list("ports", mac_address=mac))
    if pci is not None:
        hosts = [host] if host else _hosts_with(pci, agents)
        rows = [row for each in hosts for row in api.list("ports", **{"binding:host_id": each})]
        return [row for row in rows if _slot(row) == str(pci)]
    by_id = list(api.list("ports", id=wanted))
    found = by_id or list(api.list("ports", name=wanted))
    return [row for row in found if host in (None, row.get("binding:host_id"))]


def _hosts_with(pci: PciAddress, agents: Sequence[CloudAgent]) -> list[str]:
    ours = (agent for agent in agents if agent.binary == AGENT)
    return sorted({a.host for a in ours if any(each.has(str(pci)) for each in a.adapters)})


def _mac(wanted: str) -> str | None:
    """Return the MAC that *wanted* is, or that the GUID it is was made from."""
    try:
        Guid.from_mac(wanted)
    except BadValue:
        try:
            guid = Guid.parse(wanted)
        except BadValue:
            return None
        return guid.as_mac()
    return wanted.strip().lower().replace("-", ":")


def _pci(wanted: str) -> PciAddress | None:
    try:
        return PciAddress.parse(wanted)
    except BadValue:
        return None


def _slot(row: Row) -> str | None:
    profile = row.get("binding:profile") or {}
    slot = profile.get("pci_slot")
    return str(slot) if slot else None


def _port(row: Row) -> CloudPort:
    options = [
        str(option["opt_value"])
        for option in row.get("extra_dhcp_opts") or ()
        if option["opt_name"] in _CLIENT_ID and option.get("ip_version", _IPV4) == _IPV4
    ]
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
        client_id=options[0].lower() if options else None,
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
    raw = row.get("configurations") or {}
    configurations: Mapping[str, Any] = json.loads(raw) if isinstance(raw, str) else raw
    role = configurations.get("role")
    adapters = configurations.get("adapters")
    return CloudAgent(
        binary=str(row["binary"]),
        host=str(row["host"]),
        alive=bool(row["alive"]),
        admin_state_up=bool(row.get("admin_state_up", True)),
        adapters=tuple(map(_adapter, adapters)) if isinstance(adapters, list) else (),
        physical_networks=text_of(configurations, "physical_networks"),
        role=str(role) if role else None,
        problems=text_of(configurations, "problems"),
    )


def _adapter(row: Any) -> AgentAdapter:
    guid = row.get("port_guid")
    return AgentAdapter(
        physical_network=str(row["physical_network"]),
        kind=str(row["kind"]),
        port_guid=Guid.parse(guid) if guid else None,
        vfs=str(row.get("vfs") or ""),
    )
