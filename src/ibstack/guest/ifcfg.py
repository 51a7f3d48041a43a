# SPDX-License-Identifier: Apache-2.0
"""Red Hat's ifcfg files, for initscripts and for NetworkManager's ifcfg-rh.

Source: sysconfig.txt of initscripts, nm-settings-ifcfg-rh(5); cloud-init's own writer of the
format agrees in tests/guest/test_tools_that_read_them.py.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from ibstack.fabric.ipoib import IpoibMode
from ibstack.fabric.partition import FULL_MEMBER_BIT
from ibstack.guest.config_file import ConfigFile
from ibstack.guest.interface import Method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.guest.interface import GuestInterface

_FOLDER: Final = "/etc/sysconfig/network-scripts"


def render_ifcfg(interface: GuestInterface) -> tuple[ConfigFile, ...]:
    """Return ifcfg-ib0, and route-ib0 and route6-ib0 where there are routes."""
    pairs = [
        ("DEVICE", interface.device),
        ("TYPE", "InfiniBand"),
        ("ONBOOT", "yes"),
        ("CONNECTED_MODE", _yes(interface.mode is IpoibMode.CONNECTED)),
        *_child(interface),
        *([] if interface.mtu_bytes is None else [("MTU", str(interface.mtu_bytes))]),
        *_ipv4(interface),
        *_ipv6(interface),
        *((f"DNS{n}", str(server)) for n, server in enumerate(interface.dns, start=1)),
    ]
    # initscripts has a shell read it: every value is quoted as a shell needs it.
    lines = [f"{key}={shlex.quote(value)}\n" for key, value in pairs]
    return (
        ConfigFile(f"{_FOLDER}/ifcfg-{interface.device}", "".join(lines)),
        *_routes(interface),
    )


def _child(interface: GuestInterface) -> Iterator[tuple[str, str]]:
    if interface.partition_key is not None:
        yield "PKEY", "yes"
        yield "PKEY_ID", f"0x{interface.partition_key.base | FULL_MEMBER_BIT:04x}"
        yield "PHYSDEV", interface.name


def _ipv4(interface: GuestInterface) -> Iterator[tuple[str, str]]:
    ipv4 = interface.ipv4
    if ipv4.method is Method.AUTOMATIC:
        yield "BOOTPROTO", "dhcp"
        yield "DHCP_CLIENT_ID", interface.own_client_id or "mac"
        return
    yield "BOOTPROTO", "none"
    for number, address in enumerate(ipv4.addresses):
        suffix = str(number) if number else ""
        yield f"IPADDR{suffix}", str(address.ip)
        yield f"PREFIX{suffix}", str(address.network.prefixlen)
    if ipv4.gateway is not None:
        yield "GATEWAY", str(ipv4.gateway)


def _ipv6(interface: GuestInterface) -> Iterator[tuple[str, str]]:
    ipv6 = interface.ipv6
    yield "IPV6INIT", _yes(ipv6.method is not Method.OFF)
    if ipv6.method is Method.OFF:
        return
    yield "IPV6_AUTOCONF", _yes(ipv6.method is Method.AUTOMATIC)
    if ipv6.addresses:
        yield "IPV6ADDR", str(ipv6.addresses[0])
    if ipv6.addresses[1:]:
        yield "IPV6ADDR_SECONDARIES", " ".join(str(address) for address in ipv6.addresses[1:])
    if ipv6.gateway is not None:
        yield "IPV6_DEFAULTGW", str(ipv6.gateway)


def _routes(interface: GuestInterface) -> Iterator[ConfigFile]:
    for kind, addressing in (("route", interface.ipv4), ("route6", interface.ipv6)):
        if addressing.routes:
            lines = [f"{each.destination} via {each.gateway}\n" for each in addressing.routes]
            yield ConfigFile(f"{_FOLDER}/{kind}-{interface.device}", "".join(lines))


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"
