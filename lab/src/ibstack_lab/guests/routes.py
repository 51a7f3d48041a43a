# SPDX-License-Identifier: Apache-2.0
"""Where the kernel of a guest sends a packet on its way: rtnetlink(7), RTM_GETROUTE."""

from __future__ import annotations

import socket
import struct
from typing import Final

_RTM_NEWROUTE: Final = 24
_RTM_GETROUTE: Final = 26
_NLM_F_REQUEST: Final = 1
_RTA_DST: Final = 1
_RTA_GATEWAY: Final = 5
_MESSAGE: Final = struct.Struct("=IHHII")
_ROUTE: Final = struct.Struct("=8BI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_ANSWER_BYTES: Final = 8192
_WITHIN_S: Final = 0.2
"""The kernel has answered when a request has been sent."""


class Routes:
    """The routes of the network namespace in which this is made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.settimeout(_WITHIN_S)

    def gateway(self, address: bytes) -> bytes | None:
        """Return the gateway to *address*, both of 4 or 16 bytes; None where there is none."""
        family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
        route = _ROUTE.pack(family, 8 * len(address), 0, 0, 0, 0, 0, 0, 0)
        asked = route + _ATTRIBUTE.pack(_ATTRIBUTE.size + len(address), _RTA_DST) + address
        length = _MESSAGE.size + len(asked)
        try:
            self._socket.send(_MESSAGE.pack(length, _RTM_GETROUTE, _NLM_F_REQUEST, 0, 0) + asked)
            return _gateway(self._socket.recv(_ANSWER_BYTES))
        except OSError:
            return None

    def close(self) -> None:
        self._socket.close()


def _gateway(answer: bytes) -> bytes | None:
    length, kind, *_ = _MESSAGE.unpack_from(answer)
    at = _MESSAGE.size + _ROUTE.size
    while kind == _RTM_NEWROUTE and at + _ATTRIBUTE.size <= length:
        size, name = _ATTRIBUTE.unpack_from(answer, at)
        if name == _RTA_GATEWAY:
            return answer[at + _ATTRIBUTE.size : at + size]
        at += max(_ATTRIBUTE.size, (size + 3) & ~3)
    return None
