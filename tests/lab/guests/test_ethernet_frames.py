# SPDX-License-Identifier: Apache-2.0
"""Frames between an ib0 that has no address on the link, and Ethernet."""

from __future__ import annotations

import ipaddress
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack_lab.guests.ethernet_frames import EthernetFrames

OWN, PEER, GATEWAY = (bytes.fromhex(f"0200000000{number:02x}") for number in (1, 2, 3))
EVERYONE: Final = b"\xff" * 6
NOBODY: Final = bytes(6)
ARP, IPV4, IPV6 = b"\x08\x06", b"\x08\x00", b"\x86\xdd"
REQUEST, REPLY = b"\x00\x01", b"\x00\x02"


def ip(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


ONE, TWO, FAR = ip("10.9.0.1"), ip("10.9.0.2"), ip("10.10.0.1")
ONE_V6, TWO_V6 = ip("fd00::1"), ip("fd00::2")


def ipoib_arp(operation: bytes, asks: bytes, asked: bytes, to: bytes = EVERYONE) -> bytes:
    return to + OWN + ARP + bytes.fromhex("0020 0800 00 04") + operation + asks + asked


def ethernet_arp(
    operation: bytes, sender: tuple[bytes, bytes], target: tuple[bytes, bytes], to: bytes = OWN
) -> bytes:
    head = to + sender[0] + ARP + bytes.fromhex("0001 0800 06 04") + operation
    return head + b"".join(sender) + b"".join(target)


def ipv4(source: bytes, target: bytes) -> bytes:
    return bytes.fromhex("4500 0014 0000 0000 40 11 0000") + source + target


def ipv6(source: bytes, target: bytes, payload: bytes, next_header: int = 58) -> bytes:
    return (b"\x60\0\0\0" + len(payload).to_bytes(2, "big") + bytes([next_header, 255])) + (
        source + target + payload
    )


def checksum(source: bytes, target: bytes, message: bytes) -> int:
    """RFC 4443 section 2.3: what is carried makes this zero."""
    pseudo = source + target + len(message).to_bytes(4, "big") + b"\0\0\0\x3a"
    octets = pseudo + message + b"\0" * (len(message) % 2)
    total = sum(int.from_bytes(octets[at : at + 2], "big") for at in range(0, len(octets), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def neighbour_message(kind: int, source: bytes, target: bytes, about: bytes) -> bytes:
    message = bytes([kind, 0, 0, 0]) + bytes(4) + about
    right = checksum(source, target, message)
    return ipv6(source, target, message[:2] + right.to_bytes(2, "big") + message[4:])


@pytest.fixture
def frames() -> EthernetFrames:
    """A link on which TWO was heard."""
    made = EthernetFrames()
    made.to_guest(ethernet_arp(REPLY, (PEER, TWO), (OWN, ONE)))
    return made


def test_a_request_is_asked_of_all_with_the_guests_ethernet_address() -> None:
    asked = EthernetFrames().to_bridge(ipoib_arp(REQUEST, ONE, TWO))

    assert (
        asked
        == ethernet_arp(REQUEST, (OWN, ONE), (NOBODY, TWO), to=EVERYONE)[:6]
        + (ethernet_arp(REQUEST, (OWN, ONE), (NOBODY, TWO))[6:])
    )


def test_a_request_reaches_the_guest_and_its_answer_the_one_who_asked() -> None:
    frames = EthernetFrames()

    heard = frames.to_guest(ethernet_arp(REQUEST, (PEER, TWO), (NOBODY, ONE), to=EVERYONE))
    answer = frames.to_bridge(ipoib_arp(REPLY, ONE, TWO, to=NOBODY))

    assert heard == EVERYONE + PEER + ARP + bytes.fromhex("0020 0800 00 04") + REQUEST + TWO + ONE
    assert answer == ethernet_arp(REPLY, (OWN, ONE), (PEER, TWO), to=PEER)


def test_a_neighbour_that_is_known_is_asked_alone(frames: EthernetFrames) -> None:
    asked = frames.to_bridge(ipoib_arp(REQUEST, ONE, TWO, to=NOBODY))

    assert asked is not None
    assert asked[:6] == PEER


def test_packets_go_to_who_was_heard_and_nobody_else(frames: EthernetFrames) -> None:
    packet = ipv4(ONE, TWO)

    assert frames.to_bridge(NOBODY + OWN + IPV4 + packet) == PEER + OWN + IPV4 + packet
    assert frames.to_bridge(NOBODY + OWN + IPV4 + ipv4(ONE, FAR)) is None


def test_packets_to_other_links_go_to_the_gateway() -> None:
    frames = EthernetFrames({FAR: TWO}.get)
    frames.to_guest(ethernet_arp(REPLY, (GATEWAY, TWO), (OWN, ONE)))

    sent = frames.to_bridge(NOBODY + OWN + IPV4 + ipv4(ONE, FAR))

    assert sent is not None
    assert sent[:6] == GATEWAY


@pytest.mark.parametrize(
    ("to", "target", "ethernet"),
    [
        # A DHCP client, by a packet socket: the beginning of IPoIB's 20 bytes.
        ("00ffffffff12", "255.255.255.255", "ffffffffffff"),
        ("ffffffffffff", "255.255.255.255", "ffffffffffff"),
        ("ffffffffffff", "10.9.0.255", "ffffffffffff"),
        ("00ffffffff12", "224.0.0.251", "01005e0000fb"),
        ("00ffffffff12", "239.129.2.3", "01005e010203"),
        ("00ffffffff12", "ff02::1:ff00:1", "3333ff000001"),
    ],
)
def test_broadcast_and_multicast_are_ethernets(to: str, target: str, ethernet: str) -> None:
    address = ip(target)
    kind, packet = (
        (IPV4, ipv4(ONE, address)) if len(address) == 4 else (IPV6, ipv6(ONE_V6, address, b"", 59))
    )

    sent = EthernetFrames().to_bridge(bytes.fromhex(to) + OWN + kind + packet)

    assert sent == bytes.fromhex(ethernet) + OWN + kind + packet


@pytest.mark.parametrize(("kind", "option"), [(135, 1), (136, 2)])
@given(source=st.binary(min_size=16, max_size=16), target=st.binary(min_size=16, max_size=16))
def test_neighbour_discovery_is_given_the_guests_address_and_a_right_checksum(
    kind: int, option: int, source: bytes, target: bytes
) -> None:
    source = b"\xfd" + source[1:]
    frame = EVERYONE + OWN + IPV6 + neighbour_message(kind, source, target, TWO_V6)

    sent = EthernetFrames().to_bridge(frame)

    assert sent is not None
    packet = sent[14:]
    message = packet[40:]
    assert message[24:] == bytes([option, 1]) + OWN
    assert int.from_bytes(packet[4:6], "big") == len(message) == 32
    assert checksum(source, target, message) == 0


def test_who_looks_whether_an_address_is_free_is_not_given_one() -> None:
    packet = neighbour_message(135, bytes(16), ip("ff02::1:ff00:1"), ONE_V6)

    sent = EthernetFrames().to_bridge(EVERYONE + OWN + IPV6 + packet)

    assert sent is not None
    assert sent[14:] == packet


def test_who_advertises_itself_by_ipv6_was_heard() -> None:
    frames = EthernetFrames()
    advertisement = neighbour_message(136, TWO_V6, ONE_V6, TWO_V6) + bytes([2, 1]) + PEER

    assert frames.to_guest(OWN + PEER + IPV6 + advertisement) is not None

    sent = frames.to_bridge(NOBODY + OWN + IPV6 + ipv6(ONE_V6, TWO_V6, b"", 59))
    assert sent is not None
    assert sent[:6] == PEER


def test_who_looks_whether_an_ipv4_address_is_free_has_none_yet() -> None:
    frames = EthernetFrames()
    frames.to_guest(ethernet_arp(REQUEST, (PEER, bytes(4)), (NOBODY, TWO), to=EVERYONE))

    assert frames.to_bridge(NOBODY + OWN + IPV4 + ipv4(ONE, bytes(4))) is None


@given(st.binary(max_size=120), st.sampled_from([ARP, IPV4, IPV6, b"\x88\xcc"]))
def test_no_frame_raises_anything(rest: bytes, kind: bytes) -> None:
    frames = EthernetFrames()
    for frame in (rest, NOBODY + OWN + kind + rest):
        frames.to_guest(frame)
        frames.to_bridge(frame)
