# SPDX-License-Identifier: Apache-2.0
"""systemd-networkd: a .network file, and a .netdev for a child interface.

Source: systemd.network(5) and systemd.netdev(5) of systemd 252; that daemon reads them in
tests/guest/test_tools_that_read_them.py.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import FULL_MEMBER_BIT
from ibstack.guest.config_file import ConfigFile, NotExpressible
from ibstack.guest.interface import Method
from ibstack.guest.mode_rule import mode_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.guest.interface import GuestInterface

_FOLDER: Final = "/etc/systemd/network"


def render_networkd(interface: GuestInterface) -> tuple[ConfigFile, ...]:
    """Return the files; NotExpressible for a client-id that networkd cannot send."""
    final = _file(f"20-{interface.device}.network", _network(interface))
    if interface.partition_key is None:
        return (final, *mode_rule(interface))
    child = _file(
        f"10-{interface.device}.netdev",
        [
            "[NetDev]",
            f"Name={interface.device}",
            "Kind=ipoib",
            "",
            "[IPoIB]",
            f"PartitionKey=0x{interface.partition_key.base | FULL_MEMBER_BIT:04x}",
            f"Mode={interface.mode.value}",
        ],
    )
    parent = _file(
        f"10-{interface.name}.network",
        [
            "[Match]",
            f"Name={interface.name}",
            "",
            "[Network]",
            f"IPoIB={interface.device}",
            "LinkLocalAddressing=no",
        ],
    )
    return child, parent, final


def _file(name: str, lines: list[str]) -> ConfigFile:
    return ConfigFile(f"{_FOLDER}/{name}", "\n".join(lines) + "\n")


def _network(interface: GuestInterface) -> list[str]:
    sections = [
        ["[Match]", f"Name={interface.device}"],
        _link(interface),
        ["[Network]", *_addresses(interface)],
        _dhcp(interface),
        *_routes(interface),
    ]
    spaced = itertools.chain.from_iterable(["", *section] for section in sections if section)
    return list(spaced)[1:]


def _link(interface: GuestInterface) -> list[str]:
    return [] if interface.mtu_bytes is None else ["[Link]", f"MTUBytes={interface.mtu_bytes}"]


def _addresses(interface: GuestInterface) -> Iterator[str]:
    if interface.ipv4.method is Method.AUTOMATIC:
        yield "DHCP=ipv4"
    yield f"IPv6AcceptRA={'yes' if interface.ipv6.method is Method.AUTOMATIC else 'no'}"
    for addressing in (interface.ipv4, interface.ipv6):
        yield from (f"Address={address}" for address in addressing.addresses)
        if addressing.gateway is not None:
            yield f"Gateway={addressing.gateway}"
    yield from (f"DNS={server}" for server in interface.dns)


def _routes(interface: GuestInterface) -> Iterator[list[str]]:
    for route in (*interface.ipv4.routes, *interface.ipv6.routes):
        yield ["[Route]", f"Destination={route.destination}", f"Gateway={route.gateway}"]


def _dhcp(interface: GuestInterface) -> list[str]:
    if interface.ipv4.method is not Method.AUTOMATIC:
        return []
    if interface.own_client_id is not None:
        # Nor would a DUID do for the legacy form: systemd 252 takes a vendor's DUID of 8 bytes
        # only ("Failed to validate length of DUID"), and that one has 9.
        raise NotExpressible(
            "systemd-networkd",
            f"send the client-id {interface.own_client_id}",
            "client-ids of the form 20: and the GUID",
        )
    lines = ["[DHCPv4]", "ClientIdentifier=mac"]
    if interface.mtu_bytes is None:
        lines.append("UseMTU=yes")
    return lines
