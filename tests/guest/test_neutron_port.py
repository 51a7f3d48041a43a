# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from guest.interfaces import GUID, MAC
from ibstack.fabric.errors import BadInput
from ibstack.fabric.ipoib import ClientIdForm, IpoibMode, client_id
from ibstack.guest.interface import Method
from ibstack.guest.neutron_port import (
    NeutronNetwork,
    NeutronPort,
    NeutronSubnet,
    interface_of_network,
    interface_of_port,
)

V4 = NeutronSubnet("four", "10.7.0.0/24", dhcp=True, gateway="10.7.0.1", dns=("10.7.0.3",))
V6 = NeutronSubnet("six", "2001:db8:7::/64", dhcp=False, dns=("2001:db8::3",))
NETWORK = NeutronNetwork("net1", 2044, (V4, V6))
LEGACY_ID = client_id(GUID, ClientIdForm.LEGACY)
PORT = NeutronPort(MAC, (("four", "10.7.0.12"),), LEGACY_ID)


def static(**changes: Any) -> NeutronNetwork:
    return replace(NETWORK, subnets=(replace(V4, dhcp=False, **changes), V6))


def test_a_port_of_a_subnet_with_dhcp_asks_for_its_address() -> None:
    found = interface_of_port(PORT, NETWORK)

    assert found.ipv4.method is Method.AUTOMATIC
    assert found.ipv6.method is Method.OFF
    assert (found.guid, found.mtu_bytes) == (GUID, 2044)
    assert found.client_id == LEGACY_ID, "an explicit client-id of the port is what dnsmasq knows"
    assert found.dns == (), "DHCP brings the servers"


def test_the_form_of_the_deployment_can_be_said() -> None:
    found = interface_of_port(PORT, NETWORK, ClientIdForm.HARDWARE_TYPE)

    assert found.own_client_id is None


def test_a_port_of_a_subnet_without_dhcp_has_its_address_written() -> None:
    routes = (("10.9.0.0/16", "10.7.0.2"),)
    found = interface_of_port(PORT, static(routes=routes))

    assert found.ipv4.addresses == (ip_interface("10.7.0.12/24"),)
    assert found.ipv4.gateway == ip_address("10.7.0.1")
    assert [str(each.destination) for each in found.ipv4.routes] == ["10.9.0.0/16"]
    assert found.dns == (ip_address("10.7.0.3"),)


def test_both_families_are_taken() -> None:
    port = replace(PORT, fixed_ips=(*PORT.fixed_ips, ("six", "2001:db8:7::12")))
    found = interface_of_port(port, NETWORK)

    assert found.ipv4.method is Method.AUTOMATIC
    assert found.ipv6.addresses == (ip_interface("2001:db8:7::12/64"),)
    assert found.dns == (ip_address("2001:db8::3"),)


def test_an_advertised_ipv6_subnet_is_left_to_the_router() -> None:
    advertised = replace(NETWORK, subnets=(V4, replace(V6, ipv6_ra_mode="slaac")))

    assert interface_of_network(advertised).ipv6.method is Method.AUTOMATIC


def test_a_port_without_an_address_is_refused() -> None:
    with pytest.raises(BadInput, match="it has no address of network net1"):
        interface_of_port(replace(PORT, fixed_ips=()), NETWORK)


def test_a_mac_address_that_makes_no_guid_is_refused() -> None:
    with pytest.raises(BadInput, match="00:14:05 is where OpenSM"):
        interface_of_port(replace(PORT, mac="00:14:05:00:00:01"), NETWORK)


def test_a_network_is_for_any_guest_of_it() -> None:
    found = interface_of_network(NETWORK)

    assert (found.guid, found.client_id) == (None, None)
    assert found.ipv4.method is Method.AUTOMATIC


def test_a_network_without_dhcp_is_refused() -> None:
    with pytest.raises(BadInput, match="give a --port"):
        interface_of_network(static())


def test_a_large_mtu_means_connected_mode() -> None:
    assert interface_of_network(replace(NETWORK, mtu_bytes=65520)).mode is IpoibMode.CONNECTED
    assert interface_of_network(replace(NETWORK, mtu_bytes=4092)).mode is IpoibMode.DATAGRAM
    assert interface_of_network(replace(NETWORK, mtu_bytes=None)).mtu_bytes is None
