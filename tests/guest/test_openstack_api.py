# SPDX-License-Identifier: Apache-2.0
"""openstacksdk's own resources, made of the API's JSON, are read as meant."""

from __future__ import annotations

from typing import Any

import pytest

from guest.interfaces import MAC

openstack_port = pytest.importorskip("openstack.network.v2.port")
from openstack.network.v2.network import Network  # noqa: E402
from openstack.network.v2.subnet import Subnet  # noqa: E402

from ibstack.guest.openstack_api import network_of, port_of  # noqa: E402

PORT = {
    "id": "p1",
    "mac_address": MAC,
    "network_id": "n1",
    "fixed_ips": [{"subnet_id": "s1", "ip_address": "10.7.0.12"}],
    "extra_dhcp_opts": [
        {"opt_name": "mtu", "opt_value": "2044", "ip_version": 4},
        {"opt_name": "client-id", "opt_value": "20:FA:16:3E:00:00:0A:BC:DE", "ip_version": 4},
    ],
}
SUBNET: dict[str, Any] = {
    "id": "s1",
    "cidr": "10.7.0.0/24",
    "ip_version": 4,
    "enable_dhcp": True,
    "gateway_ip": "10.7.0.1",
    "dns_nameservers": ["10.7.0.3"],
    "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.7.0.2"}],
    "ipv6_ra_mode": None,
}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (PORT["extra_dhcp_opts"], "20:fa:16:3e:00:00:0a:bc:de"),
        ([], None),
        ([{"opt_name": "61", "opt_value": "20:01", "ip_version": 4}], "20:01"),
        ([{"opt_name": "client-id", "opt_value": "20:01", "ip_version": 6}], None),
    ],
)
def test_a_port_says_its_client_id(options: list[Any], expected: str | None) -> None:
    port = port_of(openstack_port.Port.existing(**PORT | {"extra_dhcp_opts": options}))

    assert port.client_id == expected
    assert (port.mac, port.fixed_ips) == (MAC, (("s1", "10.7.0.12"),))


def test_a_network_says_its_mtu_and_its_subnets() -> None:
    network = network_of(
        Network.existing(id="n1", name="net1", mtu=2044), [Subnet.existing(**SUBNET)]
    )

    (subnet,) = network.subnets
    assert (network.name, network.mtu_bytes) == ("net1", 2044)
    assert (subnet.dhcp, subnet.gateway, subnet.dns) == (True, "10.7.0.1", ("10.7.0.3",))
    assert subnet.routes == (("10.9.0.0/16", "10.7.0.2"),)


def test_a_network_whose_mtu_the_api_hides_has_none() -> None:
    assert network_of(Network.existing(id="n1", name=None), []).mtu_bytes is None
