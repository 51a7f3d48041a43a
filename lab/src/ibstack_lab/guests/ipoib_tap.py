# SPDX-License-Identifier: Apache-2.0
"""Taps that stand for IPoIB: of InfiniBand's type for the kernel and whoever asks it.

A tap takes any hardware type (TUNSETLINK), and has no address then: what it lacks of IPoIB is
added for programs (guest_view.py).  A tap that nobody holds open has no carrier, as an ib0 that
cannot join its partition's broadcast group.  Source: drivers/net/tun.c of Linux 6.18.
"""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.neutron.agents.network_namespace import inside_of
from ibstack_lab.guests.namespaces import NAMED, ip
from ibstack_lab.guests.partition_wires import IPOIB_MTU, WIRE_MTU

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack_lab.guests.namespaces import Namespaces
    from ibstack_lab.guests.partition_wires import StandsFor

_DEVICE: Final = "/dev/net/tun"
# linux/if_tun.h.
_TUNSETIFF: Final = 0x400454CA
_TUNSETPERSIST: Final = 0x400454CB
_TUNSETLINK: Final = 0x400454CD
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
_SIOCSIFHWADDR: Final = 0x8924  # linux/sockios.h
_ARPHRD_ETHER: Final = 1
_ARPHRD_INFINIBAND: Final = 32
_LOCAL_MAC: Final = 0x02
"""How an Ethernet address begins that no maker has given (IEEE 802)."""
_IPV6_SETTINGS: Final = Path("/proc/sys/net/ipv6/conf")


def add_ipoib(namespaces: Namespaces, wire: str, leads_to: StandsFor, end: tuple[str, str]) -> None:
    """Make the interface *end*, a namespace and a name, and the *wire* that stands for its port.

    They are joined by the process `ipoib` (ipoib_links.py), for as long as the wire is up.
    """
    namespace, name = end
    inside_of(NAMED / namespace, lambda: _make_ipoib(name, wire))
    ip("-n", namespace, "link", "set", name, "mtu", str(IPOIB_MTU), doing=f"set {name} up")
    inside_of(NAMED / namespaces.wires, lambda: _make(wire))
    commands = f'link set {wire} mtu {WIRE_MTU}\nlink set {wire} alias "{leads_to}"\n'
    ip("-n", namespaces.wires, "-batch", "-", batch=commands, doing=f"wire {name} in {namespace}")


def attach(name: str, namespace: str | None = None) -> int:
    """Open the tap *name*, of this namespace or another one; it has a carrier until it is closed.

    OSError where it is not there, or somebody has it open.
    """
    if namespace is None:
        return _attach(name)
    return inside_of(NAMED / namespace, lambda: _attach(name))


def _attach(name: str) -> int:
    socket.if_nametoindex(name)  # OSError: to open a tap that is not there would make one.
    return _open(name)


def _make_ipoib(name: str, wire: str) -> None:
    # Of one port always the same ones, as its GID is: others remember where they heard a guest.
    digest = hashlib.sha256(wire.encode()).digest()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:

        def prepare(tap: int) -> None:
            # What the bridges know it by; the kernel shows none of it once the type is another.
            mac = bytes([_LOCAL_MAC]) + digest[:5]
            request = struct.pack("16sH6s16x", name.encode(), _ARPHRD_ETHER, mac)
            fcntl.ioctl(any_socket, _SIOCSIFHWADDR, request)
            fcntl.ioctl(tap, _TUNSETLINK, _ARPHRD_INFINIBAND)

        _make(name, prepare)
    # Without an address the kernel makes no link-local one in its other way (net/ipv6/addrconf.c,
    # addrconf_ifid_infiniband()), and networkd would wait for it.
    with suppress(FileNotFoundError):  # A kernel without IPv6.
        secret = ipaddress.IPv6Address(digest[:16])
        (_IPV6_SETTINGS / name / "stable_secret").write_text(str(secret))


def _make(name: str, prepare: Callable[[int], None] = lambda _tap: None) -> None:
    tap = _open(name)
    try:
        prepare(tap)
        fcntl.ioctl(tap, _TUNSETPERSIST, 1)
    finally:
        os.close(tap)


def _open(name: str) -> int:
    tap = os.open(_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    except BaseException:
        os.close(tap)
        raise
    return tap
