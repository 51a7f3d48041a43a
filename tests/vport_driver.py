# SPDX-License-Identifier: Apache-2.0
"""The other end of netlink: plays the mlx5 driver of the mainline kernel, with its state.

It reads and writes the bytes of include/uapi/linux/if_link.h by itself, on purpose: what it shares
with ibstack.host.adapters.netlink is the header file, not the code.
"""

from __future__ import annotations

import errno
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

NETLINK_USERSOCK = 2
INTERFACE_INDEX = 2
_VF_MAC, _VF_LINK_STATE, _VF_NODE_GUID, _VF_PORT_GUID = 1, 5, 10, 11


@dataclass
class Vport:
    """As mlx5_ib keeps it: what the host has set, 0 for never."""

    node_guid: int = 0
    port_guid: int = 0
    link: int = 2


class VportDriver:
    """Serves RTM_SETLINK and RTM_GETLINK for one interface until it is left."""

    def __init__(self, vfs: int) -> None:
        self.vports = [Vport() for _ in range(vfs)]
        self.ignores_writes = False
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_USERSOCK)
        self._socket.bind((0, 0))
        self.port_id = self._socket.getsockname()[0]
        self._stranger = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_USERSOCK)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stopper = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_USERSOCK)
        with stopper:
            stopper.sendto(b"stop", (self.port_id, 0))
            self._thread.join(5)
        self._socket.close()
        self._stranger.close()

    def _serve(self) -> None:
        while True:
            data, (sender, _) = self._socket.recvfrom(1 << 16)
            if data == b"stop":
                return
            _size, kind, _flags, sequence, _ = struct.unpack_from("=IHHII", data)
            index = struct.unpack_from("=i", data, 20)[0]
            body = data[32:]
            if index != INTERFACE_INDEX:
                answer = self._error(sequence, errno.ENODEV)
            elif kind == 19:
                answer = self._error(sequence, self._set(body))
            else:
                answer = self._link(sequence)
            # A stranger answers as well, and is first.
            self._stranger.sendto(self._error(sequence, errno.EPERM), (sender, 0))
            # Somebody else's message comes first: it must not be taken for the answer.
            noise = struct.pack("=IHHIIi", 20, 2, 0, sequence + 100, 0, -errno.EPERM)
            self._socket.sendto(noise + answer, (sender, 0))

    def _set(self, body: bytes) -> int:
        (_, vfinfo_list) = _only(body, 22)
        (_, vf_info) = _only(vfinfo_list, 1)
        size, kind = struct.unpack_from("=HH", vf_info)
        value = vf_info[4:size]
        if kind == _VF_LINK_STATE:
            number, setting = struct.unpack("=II", value)
        else:
            assert len(value) == 16, "struct ifla_vf_guid is padded to 16 bytes on 64 bit"
            number, setting = struct.unpack("=I4xQ", value)
        if number >= len(self.vports):
            return errno.EINVAL
        names = {_VF_LINK_STATE: "link", _VF_NODE_GUID: "node_guid", _VF_PORT_GUID: "port_guid"}
        if not self.ignores_writes:
            setattr(self.vports[number], names[kind], setting)
        return 0

    def _link(self, sequence: int) -> bytes:
        infos = b"".join(self._info(number) for number in range(len(self.vports)))
        body = struct.pack("=BxHiII", 0, 32, INTERFACE_INDEX, 0, 0)
        body += _nla(3, b"ib0\0") + _nla(21, struct.pack("=I", len(self.vports))) + _nla(22, infos)
        return struct.pack("=IHHII", 16 + len(body), 16, 0, sequence, 0) + body

    def _info(self, number: int) -> bytes:
        vport = self.vports[number]
        return _nla(
            1,
            _nla(_VF_MAC, struct.pack("=I32s", number, b""))
            + _nla(_VF_LINK_STATE, struct.pack("=II", number, vport.link))
            + _nla(_VF_NODE_GUID, struct.pack("=I4xQ", number, vport.node_guid))
            + _nla(_VF_PORT_GUID, struct.pack("=I4xQ", number, vport.port_guid)),
        )

    @staticmethod
    def _error(sequence: int, number: int) -> bytes:
        return struct.pack("=IHHIIi16x", 36, 2, 0, sequence, 0, -number)


def _only(data: bytes, kind: int) -> tuple[int, bytes]:
    size, found = struct.unpack_from("=HH", data)
    assert found & 0x3FFF == kind
    assert len(data) - size < 4, "one attribute and nothing after it"
    return found, data[4:size]


def _nla(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + b"\0" * (-size % 4)
