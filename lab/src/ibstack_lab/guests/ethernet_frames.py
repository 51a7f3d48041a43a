# SPDX-License-Identifier: Apache-2.0
"""What a guest's IPoIB says, as Ethernet: the partitions' bridges and dnsmasq's end know no other.

The kernel gives the lab's ib0 the type of InfiniBand and no address (ipoib_tap.py), so its ARP has
hardware type 32 and addresses of no bytes, its neighbour discovery no link address, and all that it
sends to one neighbour is sent to nobody on the link.  Like IPoIB itself, which finds the path to
a neighbour only when there is something to send (RFC 4391 section 9), a link here keeps for each
neighbour where it is: by what ARP (RFC 826) and neighbour discovery (RFC 4861) said.  IP packets
are passed on untouched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAC: Final = 6
_HEADER: Final = 14
_KIND: Final = slice(12, 14)
_ARP, _IPV4, _IPV6 = b"\x08\x06", b"\x08\x00", b"\x86\xdd"
_EVERYONE: Final = b"\xff" * _MAC
_IPOIB_EVERYONE: Final = b"\x00\xff\xff\xff\xff\x12"
"""How an address of IPoIB's multicast groups begins (RFC 4391 section 4), as much as a tap takes.
A program that broadcasts over a packet socket has it from IFLA_BROADCAST, the kernel for multicast
from ip_ib_mc_map() (include/net/ip.h) and ipv6_ib_mc_map()."""

# Hardware type, protocol, and the bytes of an address of either.
_IPOIB_ARP: Final = bytes.fromhex("0020 0800 00 04")
_ETHERNET_ARP: Final = bytes.fromhex("0001 0800 06 04")
_IPOIB_ARP_LENGTH: Final = 16
_ETHERNET_ARP_LENGTH: Final = 28
_REQUEST: Final = b"\x00\x01"

_ICMPV6: Final = 58
_IPV6_HEADER: Final = 40
_OPTIONS_AT: Final = {133: 8, 134: 16, 135: 24, 136: 24}
"""Where the options begin in an ICMPv6 message: solicitations and advertisements of routers (133,
134) and neighbours (135, 136)."""
_ADVERTISED: Final = 136
_OF_SENDER, _OF_TARGET = 1, 2
"""The options that hold a link address."""
_LINK_OPTION: Final = {133: _OF_SENDER, 135: _OF_SENDER, 136: _OF_TARGET}
_CHECKSUM: Final = slice(_IPV6_HEADER + 2, _IPV6_HEADER + 4)

_MOST_NEIGHBOURS: Final = 4096
"""More than a subnet of the lab's has; ARP from strangers must not fill the memory."""


class EthernetFrames:
    """The link of one guest: frames in both directions, and who was heard on it."""

    def __init__(self, next_hop: Callable[[bytes], bytes | None] = lambda _address: None) -> None:
        """*next_hop*: the neighbour that has the way to an IP address; both as 4 or 16 bytes."""
        self._neighbours: dict[bytes, bytes] = {}
        self._next_hop = next_hop

    def to_bridge(self, frame: bytes) -> bytes | None:
        """Return what the guest sent, as Ethernet.

        None for what IPoIB does not carry, and for what goes to nobody who was heard.
        """
        kind, payload = frame[_KIND], frame[_HEADER:]
        if kind == _ARP:
            return self._arp_to_bridge(frame, payload)
        target = self._target(frame, kind, payload)
        if target is None:
            return None
        if kind == _IPV6:
            payload = _with_link_address(payload, frame[_MAC : 2 * _MAC])
        return target + frame[_MAC:_HEADER] + payload

    def to_guest(self, frame: bytes) -> bytes | None:
        """Return what came from the bridge as the guest's kernel takes it; None for no IP."""
        kind, payload = frame[_KIND], frame[_HEADER:]
        if kind == _ARP:
            return self._arp_to_guest(frame, payload)
        if kind == _IPV6:
            self._note_advertised(payload)
        return frame if kind in (_IPV4, _IPV6) else None

    def _arp_to_bridge(self, frame: bytes, payload: bytes) -> bytes | None:
        if len(payload) < _IPOIB_ARP_LENGTH or payload[:6] != _IPOIB_ARP:
            return None
        operation, asks, asked = payload[6:8], payload[8:12], payload[12:16]
        known = self._neighbours.get(asked, _EVERYONE)
        # The kernel asks a neighbour that it knows alone, before it asks all again.
        target = _EVERYONE if frame[:_MAC] == _EVERYONE else known
        own = frame[_MAC : 2 * _MAC]
        of_asked = bytes(_MAC) if operation == _REQUEST else known
        return target + own + _ARP + _ETHERNET_ARP + operation + own + asks + of_asked + asked

    def _arp_to_guest(self, frame: bytes, payload: bytes) -> bytes | None:
        if len(payload) < _ETHERNET_ARP_LENGTH or payload[:6] != _ETHERNET_ARP:
            return None
        operation, mac, asks, asked = payload[6:8], payload[8:14], payload[14:18], payload[24:28]
        self._note(asks, mac)
        return frame[:_HEADER] + _IPOIB_ARP + operation + asks + asked

    def _target(self, frame: bytes, kind: bytes, payload: bytes) -> bytes | None:
        """Return the Ethernet address to which an IP packet goes."""
        if kind == _IPV4:
            address, is_group = payload[16:20], payload[16:17] >= b"\xe0"
            group = b"\x01\x00\x5e" + bytes([address[1] & 0x7F if address[1:] else 0]) + address[2:]
        elif kind == _IPV6:
            address, is_group = payload[24:40], payload[24:25] == b"\xff"
            group = b"\x33\x33" + address[12:]
        else:
            return None
        if len(address) not in (4, 16):
            return None
        if is_group and address != b"\xff" * 4:
            return group
        if frame[:_MAC] in (_EVERYONE, _IPOIB_EVERYONE):
            return _EVERYONE
        return self._neighbours.get(address) or self._neighbours.get(self._next_hop(address) or b"")

    def _note(self, address: bytes, mac: bytes) -> None:
        if not any(address) or mac[0] & 1:
            return  # Who looks whether an address is free has none yet (RFC 5227).
        if len(self._neighbours) >= _MOST_NEIGHBOURS:
            self._neighbours.clear()
        self._neighbours[address] = mac

    def _note_advertised(self, packet: bytes) -> None:
        for at in _link_addresses(packet):
            advertised = packet[_IPV6_HEADER] == _ADVERTISED
            start = _IPV6_HEADER + 8 if advertised else 8
            self._note(packet[start : start + 16], packet[at : at + _MAC])


def _link_addresses(packet: bytes) -> Iterator[int]:
    """Return where link addresses are in an IPv6 packet, if it is one of neighbour discovery."""
    if len(packet) <= _IPV6_HEADER or packet[6] != _ICMPV6:
        return
    at = _IPV6_HEADER + _OPTIONS_AT.get(packet[_IPV6_HEADER], len(packet))
    while at + 8 <= len(packet) and packet[at + 1]:
        if packet[at] in (_OF_SENDER, _OF_TARGET) and packet[at + 1] == 1:
            yield at + 2
        at += 8 * packet[at + 1]


def _with_link_address(packet: bytes, mac: bytes) -> bytes:
    """Return *packet* with *mac* in it, where it is of neighbour discovery and has none.

    Linux leaves the option out on an interface without an address (net/ipv6/ndisc.c).  Who looks
    whether an address is free sends from none, and sends no option (RFC 4861 section 4.3).
    """
    if len(packet) <= _IPV6_HEADER or packet[6] != _ICMPV6 or not any(packet[8:24]):
        return packet
    option = _LINK_OPTION.get(packet[_IPV6_HEADER])
    if option is None or any(_link_addresses(packet)):
        return packet
    added = bytes([option, 1]) + mac
    longer = int.from_bytes(packet[4:6], "big") + len(added)
    checksum = int.from_bytes(packet[_CHECKSUM], "big")
    for word in (added[:2], added[2:4], added[4:6], added[6:], len(added).to_bytes(2, "big")):
        checksum = _checksum_with(checksum, int.from_bytes(word, "big"))
    return (
        packet[:4]
        + longer.to_bytes(2, "big")
        + packet[6 : _CHECKSUM.start]
        + checksum.to_bytes(2, "big")
        + packet[_CHECKSUM.stop :]
        + added
    )


def _checksum_with(checksum: int, word: int) -> int:
    """Return the Internet checksum of the same and one more *word* (RFC 1624)."""
    total = (checksum ^ 0xFFFF) + word
    return ((total & 0xFFFF) + (total >> 16)) ^ 0xFFFF
