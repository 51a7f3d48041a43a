# SPDX-License-Identifier: Apache-2.0
"""Interfaces that the tests of this room render."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import ClientIdForm, IpoibMode, client_id
from ibstack.fabric.partition import PartitionKey
from ibstack.guest.interface import Addressing, GuestInterface, Method, StaticRoute

MAC = "fa:16:3e:0a:bc:de"
GUID = Guid.from_mac(MAC)
AUTOMATIC = Addressing(Method.AUTOMATIC)

DHCP = GuestInterface(guid=GUID, ipv4=AUTOMATIC, mtu_bytes=2044)
LEGACY = GuestInterface(
    guid=GUID, ipv4=AUTOMATIC, client_id=client_id(GUID, ClientIdForm.LEGACY), mtu_bytes=2044
)
STATIC = GuestInterface(
    guid=GUID,
    ipv4=Addressing(
        Method.STATIC,
        (ip_interface("10.7.0.12/24"),),
        ip_address("10.7.0.1"),
        (StaticRoute(ip_network("10.9.0.0/16"), ip_address("10.7.0.2")),),
    ),
    ipv6=Addressing(Method.STATIC, (ip_interface("2001:db8:7::12/64"),)),
    dns=(ip_address("10.7.0.3"), ip_address("2001:db8:7::3")),
    mtu_bytes=65520,
    mode=IpoibMode.CONNECTED,
)
CHILD = GuestInterface(
    guid=GUID, ipv4=AUTOMATIC, mtu_bytes=2044, partition_key=PartitionKey.parse("0x0123")
)
WIDE = GuestInterface(
    guid=GUID, ipv4=AUTOMATIC, mtu_bytes=65520, mode=IpoibMode.CONNECTED, name="ibP257s429327"
)
"""Connected mode, and a name as long as the kernel makes them on Azure's machines."""
NO_MTU = GuestInterface(guid=GUID, ipv4=AUTOMATIC)
IPV6 = GuestInterface(
    guid=GUID,
    ipv6=Addressing(Method.STATIC, (ip_interface("2001:db8:7::12/64"),)),
    mtu_bytes=2044,
)
IMAGE = GuestInterface(ipv4=AUTOMATIC, ipv6=AUTOMATIC)
"""For every guest made of an image: nothing of one port in it."""

STATIC_DATAGRAM = replace(STATIC, mtu_bytes=2044, mode=IpoibMode.DATAGRAM)

INTERFACES = {
    "dhcp": DHCP,
    "legacy": LEGACY,
    "static": STATIC,
    "static-datagram": STATIC_DATAGRAM,
    "child": CHILD,
    "image": IMAGE,
    "wide": WIDE,
    "no-mtu": NO_MTU,
    "ipv6": IPV6,
}
