# SPDX-License-Identifier: Apache-2.0
"""cloud-init: OpenStack's network_data.json of a config drive, and network config version 2.

cloud-init finds an InfiniBand interface by the 6-byte MAC address of its port: bytes 13 to 15 and
18 to 20 of the hardware address, which is the MAC that the GUID was made from (cloudinit/net,
get_ib_interface_hwaddr()).  tests/guest/test_tools_that_read_them.py has it do so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.errors import BadInput
from ibstack.fabric.ipoib import IpoibMode
from ibstack.guest.config_file import ConfigFile, NotExpressible
from ibstack.guest.interface import Method
from ibstack.guest.netplan import netplan_interface, to_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.guest.interface import Addressing, GuestInterface

_NETWORK_DATA: Final = "/openstack/latest/network_data.json"
"""On the config drive."""
_NETWORK_CONFIG: Final = "/network-config"
"""On a NoCloud seed; under `network:` in /etc/cloud/cloud.cfg.d it means the same."""


def render_network_data(interface: GuestInterface) -> tuple[ConfigFile, ...]:
    """Return network_data.json; BadInput where the port's MAC address or the MTU is not known."""
    if interface.mac is None:
        raise BadInput(
            "cannot write network_data.json: it names a port by its MAC address; give --port or"
            " --mac"
        )
    _refuse_connected_mode(interface)
    if interface.mtu_bytes is None:
        raise BadInput(
            "cannot write network_data.json: without an MTU cloud-init makes a connection that"
            " NetworkManager refuses; give --mtu: 2044, or 4092 where the fabric carries it"
        )
    if interface.partition_key is not None:
        raise NotExpressible("cloud-init", "make a child interface")
    if interface.ipv4.method is Method.AUTOMATIC and interface.own_client_id is not None:
        raise NotExpressible(
            "cloud-init",
            f"send the client-id {interface.own_client_id}",
            "static addresses",
        )
    # Without the name cloud-init looks for the MAC address, which no two interfaces share.
    link = {
        "id": interface.name,
        "type": "phy",
        "ethernet_mac_address": interface.mac,
        "mtu": interface.mtu_bytes,
    }
    data = {
        "links": [link],
        "networks": [
            {"id": f"network{number}", "link": interface.name, **network}
            for number, network in enumerate(_networks(interface))
        ],
        "services": [{"type": "dns", "address": str(server)} for server in interface.dns],
    }
    return (ConfigFile(_NETWORK_DATA, json.dumps(data, indent=2) + "\n"),)


def render_network_config(interface: GuestInterface) -> tuple[ConfigFile, ...]:
    """Return network config version 2.

    It names the interface and does not match its address: renderers hand a match on to tools that
    compare all 20 bytes, of which the first four change.
    """
    # networkd 252 ignores the word for it that netplan has, and udev's rule is no part of the file.
    _refuse_connected_mode(interface)
    settings = netplan_interface(interface, "cloud-init")
    document = {"version": 2, "ethernets": {interface.device: settings}}
    return (ConfigFile(_NETWORK_CONFIG, to_yaml(document)),)


def _refuse_connected_mode(interface: GuestInterface) -> None:
    if interface.mode is IpoibMode.CONNECTED:
        raise NotExpressible("cloud-init", "set connected mode")


def _networks(interface: GuestInterface) -> Iterator[dict[str, Any]]:
    for version, addressing in ((4, interface.ipv4), (6, interface.ipv6)):
        if addressing.method is Method.AUTOMATIC:
            yield {"type": "ipv4_dhcp" if version == 4 else "ipv6_slaac"}
        for number, address in enumerate(addressing.addresses):
            yield {
                "type": f"ipv{version}",
                "ip_address": str(address.ip),
                "netmask": str(address.network.netmask),
                # A route belongs to the interface: said once.
                "routes": [] if number else list(_routes(version, addressing)),
            }


def _routes(version: int, addressing: Addressing) -> Iterator[dict[str, str]]:
    if addressing.gateway is not None:
        zeros = "0.0.0.0" if version == 4 else "::"  # noqa: S104 - no address to listen on
        yield {"network": zeros, "netmask": zeros, "gateway": str(addressing.gateway)}
    for route in addressing.routes:
        yield {
            "network": str(route.destination.network_address),
            "netmask": str(route.destination.netmask),
            "gateway": str(route.gateway),
        }
