# SPDX-License-Identifier: Apache-2.0
"""Ports and networks of the API are read as meant, and found by id or by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from guest.interfaces import MAC
from ibstack.fabric.errors import BadInput
from ibstack.guest.neutron_reader import network_of, port_of, read_network, read_port

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT = {
    "id": "p1",
    "name": "vm1",
    "mac_address": MAC,
    "network_id": "n1",
    "fixed_ips": [{"subnet_id": "s1", "ip_address": "10.7.0.12"}],
    "extra_dhcp_opts": [
        {"opt_name": "mtu", "opt_value": "2044", "ip_version": 4},
        {"opt_name": "client-id", "opt_value": "20:FA:16:3E:00:00:0A:BC:DE", "ip_version": 4},
    ],
}
NETWORK = {"id": "n1", "name": "net1", "mtu": 2044}
SUBNET: dict[str, Any] = {
    "id": "s1",
    "network_id": "n1",
    "cidr": "10.7.0.0/24",
    "ip_version": 4,
    "enable_dhcp": True,
    "gateway_ip": "10.7.0.1",
    "dns_nameservers": ["10.7.0.3"],
    "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.7.0.2"}],
    "ipv6_ra_mode": None,
}


ROWS: dict[str, list[dict[str, Any]]] = {
    "ports": [PORT, {**PORT, "id": "p2", "name": "twin"}, {**PORT, "id": "p3", "name": "twin"}],
    "networks": [NETWORK],
    "subnets": [SUBNET, {**SUBNET, "id": "s9", "network_id": "n9"}],
}


class Cloud:
    """Lists rows as Neutron does."""

    def list(self, kind: str, **filters: str) -> Sequence[dict[str, Any]]:
        return [row for row in ROWS[kind] if all(row[name] == filters[name] for name in filters)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (PORT["extra_dhcp_opts"], "20:fa:16:3e:00:00:0a:bc:de"),
        ([], None),
        ([{"opt_name": "61", "opt_value": "20:01", "ip_version": 4}], "20:01"),
        # Neutron's DHCP agent hands it to dnsmasq whatever the version.
        ([{"opt_name": "client-id", "opt_value": "20:01", "ip_version": 6}], "20:01"),
    ],
)
def test_a_port_says_its_client_id(options: list[Any], expected: str | None) -> None:
    port = port_of(PORT | {"extra_dhcp_opts": options})

    assert port.client_id == expected
    assert (port.mac, port.fixed_ips) == (MAC, (("s1", "10.7.0.12"),))


def test_a_network_says_its_mtu_and_its_subnets() -> None:
    network = network_of(NETWORK, [SUBNET])

    (subnet,) = network.subnets
    assert (network.name, network.mtu_bytes) == ("net1", 2044)
    assert (subnet.dhcp, subnet.gateway, subnet.dns) == (True, "10.7.0.1", ("10.7.0.3",))
    assert subnet.routes == (("10.9.0.0/16", "10.7.0.2"),)


def test_a_network_whose_mtu_the_api_hides_has_none() -> None:
    assert network_of({"id": "n1", "name": None}, []).mtu_bytes is None


@pytest.mark.parametrize("wanted", ["p1", "vm1"])
def test_a_port_is_found_by_its_id_or_its_name_with_its_network(wanted: str) -> None:
    port, network = read_port(Cloud(), wanted)

    assert port == port_of(PORT)
    assert network == network_of(NETWORK, [SUBNET])


def test_a_name_of_several_is_refused_with_their_ids() -> None:
    with pytest.raises(BadInput, match=r"cannot tell which port 'twin' is: .* ids p2, p3"):
        read_port(Cloud(), "twin")


def test_what_the_cloud_does_not_show_is_named() -> None:
    with pytest.raises(BadInput, match="cannot find network 'x': the cloud shows this user none"):
        read_network(Cloud(), "x")
