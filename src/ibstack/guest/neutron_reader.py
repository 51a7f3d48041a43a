# SPDX-License-Identifier: Apache-2.0
"""A port or a network of Neutron's API, as the guest's interface needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadInput
from ibstack.formats.extra_dhcp_opts import client_id_of
from ibstack.guest.neutron_port import NeutronNetwork, NeutronPort, NeutronSubnet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.facts.cloud.network_api import NetworkApi, Row


def read_port(api: NetworkApi, name_or_id: str) -> tuple[NeutronPort, NeutronNetwork]:
    """Return a port and its network; BadInput where there is none of that name, or several."""
    found = _find(api, "port", name_or_id)
    return port_of(found), read_network(api, str(found["network_id"]))


def read_network(api: NetworkApi, name_or_id: str) -> NeutronNetwork:
    """Return a network; BadInput where there is none of that name, or several."""
    found = _find(api, "network", name_or_id)
    return network_of(found, api.list("subnets", network_id=str(found["id"])))


def _find(api: NetworkApi, kind: str, name_or_id: str) -> Row:
    found = api.list(f"{kind}s", id=name_or_id) or api.list(f"{kind}s", name=name_or_id)
    if not found:
        raise BadInput(
            f"cannot find {kind} {name_or_id!r}: the cloud shows this user none of that name or id"
        )
    if len(found) > 1:
        ids = ", ".join(str(row["id"]) for row in found)
        raise BadInput(f"cannot tell which {kind} {name_or_id!r} is: give one of the ids {ids}")
    return found[0]


def port_of(port: Row) -> NeutronPort:
    """Read a port of the API's JSON."""
    return NeutronPort(
        mac=str(port["mac_address"]),
        fixed_ips=tuple((str(e["subnet_id"]), str(e["ip_address"])) for e in port["fixed_ips"]),
        client_id=client_id_of(port),
    )


def network_of(network: Row, subnets: Iterable[Row]) -> NeutronNetwork:
    """Read a network and its subnets of the API's JSON."""
    return NeutronNetwork(
        name=str(network["name"] or network["id"]),
        mtu_bytes=None if network.get("mtu") is None else int(network["mtu"]),
        subnets=tuple(
            NeutronSubnet(
                id=str(subnet["id"]),
                cidr=str(subnet["cidr"]),
                dhcp=bool(subnet["enable_dhcp"]),
                ipv6_ra_mode=subnet.get("ipv6_ra_mode"),
                gateway=subnet.get("gateway_ip"),
                dns=tuple(map(str, subnet.get("dns_nameservers") or ())),
                routes=tuple(
                    (str(route["destination"]), str(route["nexthop"]))
                    for route in subnet.get("host_routes") or ()
                ),
            )
            for subnet in subnets
        ),
    )
