# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from guest.interfaces import AUTOMATIC, CHILD, DHCP, GUID, MAC
from ibstack.fabric.errors import BadInput
from ibstack.fabric.ipoib import IpoibMode
from ibstack.guest.interface import Addressing, GuestInterface, Method


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "ib0.8001"}, "interface name 'ib0.8001'"),
        ({"name": ""}, "interface name"),
        ({"name": "ib0\nDHCP=no"}, "interface name"),
        ({"mtu_bytes": 4093}, "must be 68 to 4092 in datagram mode"),
        ({"mtu_bytes": 67}, "must be 68 to 4092"),
        ({"mtu_bytes": 1279, "ipv6": AUTOMATIC}, "must be 1280 to 4092"),
        ({"mtu_bytes": 65521, "mode": IpoibMode.CONNECTED}, "65520 in connected mode"),
        ({"client_id": "20:zz"}, "DHCP client identifier '20:zz'"),
        ({"client_id": "20"}, "DHCP client identifier '20'"),
        ({"ipv4": Addressing()}, "it has no address of either family"),
    ],
)
def test_nonsense_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        replace(DHCP, **changes)


def test_a_gateway_must_be_in_reach() -> None:
    address = (ip_interface("10.7.0.12/24"),)

    with pytest.raises(BadInput, match="is in no subnet of the addresses"):
        Addressing(Method.STATIC, address, ip_address("10.8.0.1"))
    with pytest.raises(BadInput, match="leave the gateway to DHCP"):
        Addressing(Method.AUTOMATIC, gateway=ip_address("10.7.0.1"))
    with pytest.raises(BadInput, match="static addressing needs addresses"):
        Addressing(Method.STATIC)
    with pytest.raises(BadInput, match="static addressing needs addresses"):
        Addressing(Method.AUTOMATIC, address)


def test_a_link_local_gateway_is_always_in_reach() -> None:
    Addressing(Method.STATIC, (ip_interface("2001:db8::2/64"),), ip_address("fe80::1"))


def test_a_child_is_named_by_its_key_as_a_full_member() -> None:
    assert CHILD.device == "ib0.8123"
    assert DHCP.device == "ib0"


def test_the_mac_address_is_neutrons() -> None:
    assert DHCP.mac == MAC
    assert GuestInterface(ipv4=AUTOMATIC).mac is None
    assert replace(DHCP, client_id=f"20:{GUID.as_bytes()}").own_client_id is None
