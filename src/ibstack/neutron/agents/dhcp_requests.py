# SPDX-License-Identifier: Apache-2.0
"""Which DHCP requests nobody answers: what a guest asks with, and whom Neutron has dnsmasq know.

dnsmasq answers who is in the hosts file that the DHCP agent writes, and says nothing of the rest.
It goes by the client identifier, and only then by the hardware address, which a guest on InfiniBand
does not send (dnsmasq 2.90, dhcp-common.c, find_config(); RFC 4390 section 2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import parse_client_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_UDP: Final = 17
_SERVER_PORT: Final = 67
_IP_HEADER: Final = 20
_UDP_HEADER: Final = 8
_BOOTREQUEST: Final = 1
_HARDWARE_ADDRESS: Final = slice(28, 44)
_COOKIE: Final = slice(236, 240)
_COOKIE_IS: Final = bytes.fromhex("63825363")
_OPTIONS: Final = slice(240, None)
_PAD, _MESSAGE_TYPE, _CLIENT_IDENTIFIER, _END = 0, 53, 61, 255
_ASKING: Final = (b"\1", b"\3")
"""DISCOVER and REQUEST (RFC 2132 section 9.6)."""
_GUID_BYTES: Final = 8
_SHOWN: Final = 16
"""Octets of what cannot be read that an error repeats."""
_NAMED: Final = 3
"""So many of those that would be answered are named where nobody knows which one was meant."""


@dataclass(frozen=True, slots=True)
class DhcpRequest:
    """A guest's wish for an address."""

    client_id: bytes
    """Option 61, its type included; empty where it sent none."""
    hardware_address: bytes
    """Empty on InfiniBand."""

    def __str__(self) -> str:
        if self.client_id:
            return f"client-id {self.client_id.hex(':')}"
        return f"no client-id, hardware address {self.hardware_address.hex(':') or 'none'}"


def parse_packet(packet: bytes) -> DhcpRequest | None:
    """Read an IPv4 packet; None for one that asks no DHCP server for an address.

    Raises BadValue for one that does so in a way that cannot be read.
    """
    header = (packet[0] & 0x0F) * 4 if packet else 0
    if header < _IP_HEADER or len(packet) < header + _UDP_HEADER or packet[0] >> 4 != 4:
        return None
    port = int.from_bytes(packet[header + 2 : header + 4], "big")
    later_fragment = int.from_bytes(packet[6:8], "big") & 0x1FFF
    if packet[9] != _UDP or port != _SERVER_PORT or later_fragment:
        return None
    return _parse_message(packet[header + _UDP_HEADER :])


def _parse_message(message: bytes) -> DhcpRequest | None:
    if message[_COOKIE] != _COOKIE_IS or message[0] != _BOOTREQUEST:
        return None
    options = _options(message[_OPTIONS])
    if options.get(_MESSAGE_TYPE) not in _ASKING:
        return None
    length = message[2]
    return DhcpRequest(
        client_id=options.get(_CLIENT_IDENTIFIER, b""),
        hardware_address=message[_HARDWARE_ADDRESS][:length],
    )


def _options(octets: bytes) -> dict[int, bytes]:
    """Return the options; of two with one number the first one, which dnsmasq takes."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(octets) and octets[at] != _END:
        if octets[at] == _PAD:
            at += 1
            continue
        length = octets[at + 1] if at + 1 < len(octets) else 0
        content = octets[at + 2 : at + 2 + length]
        if at + 1 >= len(octets) or len(content) < length:
            raise BadValue(
                "DHCP options", octets[at:][:_SHOWN].hex(), f"option {octets[at]} is cut short"
            )
        found.setdefault(octets[at], content)
        at += 2 + length
    return found


@dataclass(frozen=True, slots=True)
class ExpectedGuest:
    """A Neutron port as dnsmasq knows it."""

    mac: bytes
    client_id: bytes
    """Empty where Neutron wrote none."""
    address: str

    def answers(self, request: DhcpRequest) -> bool:
        """Return whether dnsmasq takes *request* for this port's."""
        return (bool(self.client_id) and request.client_id == self.client_id) or (
            request.hardware_address == self.mac
        )

    def is_meant_by(self, request: DhcpRequest) -> bool:
        """Return whether what *request* asks with holds this port's GUID or MAC."""
        ends = (*self._guids(), self.mac)
        return any(request.client_id.endswith(end) for end in ends)

    def _guids(self) -> Iterator[bytes]:
        if len(self.client_id) > _GUID_BYTES:
            yield self.client_id[-_GUID_BYTES:]
        try:
            yield bytes.fromhex(Guid.from_mac(self.mac.hex(":")).as_digits())
        except BadValue:
            return  # A MAC that makes no GUID.

    def __str__(self) -> str:
        if self.client_id:
            return f"client-id {self.client_id.hex(':')}"
        return f"hardware address {self.mac.hex(':')}"


def parse_hosts(text: str) -> tuple[ExpectedGuest, ...]:
    """Read a hosts file of Neutron's DHCP agent; what is not for IPv4 guests is left out.

    Lines: MAC,[tag:T,][id:CLIENT-ID,]NAME,ADDRESS[,set:TAG] (Neutron 26 and 29,
    agent/linux/dhcp.py, _output_hosts_file()).
    """
    return tuple(guest for line in text.splitlines() if (guest := _parse_line(line)))


def _parse_line(line: str) -> ExpectedGuest | None:
    mac, *words = line.strip().split(",")
    identifiers = [word.removeprefix("id:") for word in words if word.startswith("id:")]
    plain = [w for w in words if not w.startswith(("id:", "tag:", "set:", "["))]
    if len(plain) < len(("name", "address")):
        return None
    try:
        client_id = _octets(identifiers[0]) if identifiers else b""
        return ExpectedGuest(_octets(mac), client_id, plain[1])
    except ValueError:
        return None  # A client identifier that is a text: no InfiniBand guest has one.


def _octets(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def why_unanswered(request: DhcpRequest, guests: Sequence[ExpectedGuest]) -> str | None:
    """Return why dnsmasq does not answer, and what would help; None where it does."""
    if any(guest.answers(request) for guest in guests):
        return None
    meant = next((guest for guest in guests if guest.is_meant_by(request)), None)
    if meant is not None:
        return (
            f"the port of {meant.address} ({meant.mac.hex(':')}) is expected to ask with {meant};"
            f" have the guest send that{_or_set_the_port(request)}"
        )
    if not guests:
        return "no port of this network has it, nor any other; see whether its subnet has DHCP"
    names = ", ".join(str(guest) for guest in guests[:_NAMED])
    more = f", … ({len(guests)} in all)" if len(guests) > _NAMED else ""
    return f"no port of this network has it; expected is one of: {names}{more}"


def _or_set_the_port(request: DhcpRequest) -> str:
    """Return the other remedy, for what Neutron takes as an InfiniBand guest's identifier."""
    try:
        parse_client_id(request.client_id.hex(":"))
    except BadValue:
        return ""
    option = f"name=client-id,value={request.client_id.hex(':')},ip-version=4"
    return f", or say `openstack port set --extra-dhcp-option {option}` of the port"
