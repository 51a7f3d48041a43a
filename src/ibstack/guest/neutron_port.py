# SPDX-License-Identifier: Apache-2.0
"""What Neutron says of a port, or of a network, as the guest's interface."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadInput
from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import ClientIdForm, IpoibMode, client_id
from ibstack.guest.interface import (
    LARGEST_MTU_BYTES,
    Addressing,
    GuestInterface,
    Method,
    StaticRoute,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.guest.interface import IpInterface


@dataclass(frozen=True, slots=True)
class NeutronSubnet:
    """A subnet as the API shows it."""

    id: str
    cidr: str
    dhcp: bool
    ipv6_ra_mode: str | None = None
    gateway: str | None = None
    dns: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    """Destination and next hop."""

    @property
    def version(self) -> int:
        return ipaddress.ip_network(self.cidr).version

    @property
    def automatic(self) -> bool:
        """Whether the guest is told its address: by DHCP, or by the router."""
        return self.dhcp or self.ipv6_ra_mode is not None


@dataclass(frozen=True, slots=True)
class NeutronNetwork:
    """A network as the API shows it."""

    name: str
    mtu_bytes: int | None
    subnets: tuple[NeutronSubnet, ...]


@dataclass(frozen=True, slots=True)
class NeutronPort:
    """A port as the API shows it."""

    mac: str
    fixed_ips: tuple[tuple[str, str], ...]
    """Subnet id and address."""
    client_id: str | None
    """Of its extra_dhcp_opts."""


def interface_of_port(
    port: NeutronPort, network: NeutronNetwork, form: ClientIdForm | None = None
) -> GuestInterface:
    """Return the interface of the guest that has *port*; BadInput where it has no address.

    *form*: the client-id that is sent whatever the port says.
    """
    guid = Guid.from_mac(port.mac)
    by_id = {subnet.id: subnet for subnet in network.subnets}
    held = [(by_id[sid], address) for sid, address in port.fixed_ips if sid in by_id]
    if not held:
        raise BadInput(
            f"cannot configure a guest for port {port.mac}: it has no address of network"
            f" {network.name}"
        )
    return replace(
        _interface(network, [subnet for subnet, _ in held]),
        guid=guid,
        ipv4=_addressing(4, held),
        ipv6=_addressing(6, held),
        client_id=port.client_id if form is None else client_id(guid, form),
    )


def interface_of_network(network: NeutronNetwork) -> GuestInterface:
    """Return the interface of any guest on *network*; BadInput where addresses are not handed out.

    Its client makes the client-id of its own hardware address: `20:` and the GUID.
    """
    handed_out = [subnet for subnet in network.subnets if subnet.automatic]
    if not handed_out:
        raise BadInput(
            f"cannot configure guests for network {network.name}: no subnet of it has DHCP; give a"
            " --port, whose address is known, or enable DHCP"
        )
    return _interface(network, handed_out)


def _interface(network: NeutronNetwork, subnets: list[NeutronSubnet]) -> GuestInterface:
    found = {4: Addressing(), 6: Addressing()}
    for subnet in subnets:
        found[subnet.version] = Addressing(Method.AUTOMATIC)
    # What is automatic brings its servers with it.
    servers = [server for s in subnets if not s.automatic for server in s.dns]
    return GuestInterface(
        ipv4=found[4],
        ipv6=found[6],
        dns=tuple(ipaddress.ip_address(server) for server in dict.fromkeys(servers)),
        mtu_bytes=network.mtu_bytes,
        mode=_mode(network.mtu_bytes),
    )


def _mode(mtu_bytes: int | None) -> IpoibMode:
    """Return the only mode that carries packets of this size, datagrams where both do."""
    if mtu_bytes is not None and mtu_bytes > LARGEST_MTU_BYTES[IpoibMode.DATAGRAM]:
        return IpoibMode.CONNECTED
    return IpoibMode.DATAGRAM


def _addressing(version: int, held: Iterable[tuple[NeutronSubnet, str]]) -> Addressing:
    ours = [(subnet, address) for subnet, address in held if subnet.version == version]
    if not ours:
        return Addressing()
    if any(subnet.automatic for subnet, _ in ours):
        return Addressing(Method.AUTOMATIC)
    gateways = [subnet.gateway for subnet, _ in ours if subnet.gateway]
    return Addressing(
        Method.STATIC,
        tuple(_with_prefix(subnet, address) for subnet, address in ours),
        ipaddress.ip_address(gateways[0]) if gateways else None,
        tuple(route for subnet, _ in ours for route in _routes(subnet)),
    )


def _with_prefix(subnet: NeutronSubnet, address: str) -> IpInterface:
    return ipaddress.ip_interface(f"{address}/{subnet.cidr.partition('/')[2]}")


def _routes(subnet: NeutronSubnet) -> Iterator[StaticRoute]:
    for destination, next_hop in subnet.routes:
        yield StaticRoute(ipaddress.ip_network(destination), ipaddress.ip_address(next_hop))
