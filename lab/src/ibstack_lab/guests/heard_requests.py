# SPDX-License-Identifier: Apache-2.0
"""What a DHCP server's interface hears of guests: the packet, not what anybody says of it."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.neutron.agents.dhcp_requests import parse_packet
from ibstack.neutron.agents.dhcp_socket import DhcpSocket

if TYPE_CHECKING:
    from pathlib import Path

ARPHRD_INFINIBAND: Final = 32
"""The hardware type of IPoIB (RFC 4390 section 2.1; IANA)."""
_HEADERS: Final = 28
"""Bytes of IPv4 and UDP: no DHCP client of the lab sends IP options."""
_CHADDR: Final = slice(28, 44)
_BROADCAST: Final = 0x80
_HEARD_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class HeardRequest:
    """A request as it was on the wire (RFC 2131 section 2)."""

    hardware_type: int
    hardware_bytes: int
    """hlen: the length of the address that it shows."""
    chaddr: bytes
    """All 16 bytes of the field, whatever of it is meant."""
    broadcast: bool
    """Whether the answer shall be one."""
    client_id: bytes

    @property
    def is_of_ipoib(self) -> bool:
        """Whether RFC 4390 section 2.1 would have it so."""
        shows_nothing = not self.hardware_bytes and not any(self.chaddr)
        return self.hardware_type == ARPHRD_INFINIBAND and shows_nothing and self.broadcast


class HeardRequests:
    """The requests that come from now on."""

    def __init__(self, namespace: Path, interface: str) -> None:
        """OSError where there is no such interface."""
        self._socket = DhcpSocket(namespace, interface)

    def first(self, client_id: bytes = b"") -> HeardRequest | None:
        """Return the first one with that identifier, or of anybody; None where none comes soon."""
        deadline = time.monotonic() + _HEARD_WITHIN_S
        while (left_s := deadline - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left_s)[0]:
                break
            heard = _parse(self._socket.read())
            if heard is not None and client_id in (b"", heard.client_id):
                return heard
        return None

    def close(self) -> None:
        self._socket.close()


def _parse(packet: bytes) -> HeardRequest | None:
    request = parse_packet(packet)
    if request is None:
        return None
    message = packet[_HEADERS:]
    return HeardRequest(
        hardware_type=message[1],
        hardware_bytes=message[2],
        chaddr=message[_CHADDR],
        broadcast=bool(message[10] & _BROADCAST),
        client_id=request.client_id,
    )
