# SPDX-License-Identifier: Apache-2.0
"""What ibsim and its clients send each other, by two abstract datagram sockets for each client.

Source: ibsim's include/ibsim.h and umad2sim/sim_client.c, checked against the datagrams of ibsim
0.10.  A client named 7 has the sockets `ctl7` and `in7`, ibsim has `ctl` and an `out` for each
number that it gives to a client.
"""

from __future__ import annotations

import struct
from typing import Final

from ibstack.mad.datagrams import LENGTH

# Destination and source LID, destination and source queue pair, status, length, the datagram.
PACKET: Final = struct.Struct(f">H2xH2xIII4xQ{LENGTH}s")
# Magic, client's number, type, length, data: in the machine's byte order.
CONTROL: Final = struct.Struct("=IIII64s")
# Of a CONNECT: the client's name, which its number replaces in the answer; queue pair, whether it
# is a subnet manager, node.
CONNECT_DATA: Final = struct.Struct("=III32s")
MAGIC: Final = 0xDEADBEEF
FAILED, CONNECT, DISCONNECT = 0, 1, 2
CLIENTS: Final = 10
"""ibsim has room for so many at a time."""


def address(fabric: str, socket_name: str) -> bytes:
    """Return an abstract address, with the final zero byte that ibsim's own clients give it."""
    return f"\0{fabric}:{socket_name}\0".encode()
