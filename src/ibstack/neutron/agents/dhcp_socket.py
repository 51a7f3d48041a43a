# SPDX-License-Identifier: Apache-2.0
"""What guests ask DHCP servers, as read from an interface in another network namespace."""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError
from ibstack.neutron.agents.network_namespace import inside_of

if TYPE_CHECKING:
    from pathlib import Path

_PACKET_BYTES: Final = 2048
_ETH_P_IP: Final = 0x0800
_SO_ATTACH_FILTER: Final = 26
_INSTRUCTION: Final = "=HBBI"
# linux/filter.h: the first piece of UDP to port 67.  Without it all that the namespace's other
# servers are sent would be copied here.
_DHCP_ONLY: Final = (
    *((0x30, 0, 0, 9), (0x15, 0, 6, 17), (0x28, 0, 0, 6), (0x45, 4, 0, 0x1FFF)),
    *((0xB1, 0, 0, 0), (0x48, 0, 0, 2), (0x15, 0, 1, 67), (0x06, 0, 0, _PACKET_BYTES)),
    (0x06, 0, 0, 0),
)


class DhcpSocket:
    """Reads IPv4 packets to DHCP servers, whatever the interface's hardware is."""

    def __init__(self, namespace: Path, interface: str) -> None:
        """OSError where one of the two is not there; IbstackError where it must not be read."""
        try:
            self._socket = inside_of(namespace, lambda: _open(interface))
        except PermissionError as error:
            raise IbstackError(
                f"cannot listen on {interface} in {namespace}: {error.strerror}; this needs root"
            ) from error

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> bytes:
        """Return a packet from its IPv4 header on; OSError where the interface has gone."""
        return self._socket.recv(_PACKET_BYTES)

    def close(self) -> None:
        self._socket.close()


def _open(interface: str) -> socket.socket:
    # Protocol 0: nothing is read before the filter is in place.
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    try:
        _attach_filter(opened)
        opened.bind((interface, _ETH_P_IP))
    except BaseException:
        opened.close()
        raise
    return opened


def _attach_filter(opened: socket.socket) -> None:
    code = b"".join(struct.pack(_INSTRUCTION, *each) for each in _DHCP_ONLY)
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(_DHCP_ONLY), ctypes.addressof(held))
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
