# SPDX-License-Identifier: Apache-2.0
"""Setting and reading the GUIDs and the link policy of VFs by rtnetlink.

What `ip link set ib0 vf 3 node_guid …` says, without a process.  Layouts: include/uapi/linux/
{netlink,rtnetlink,if_link}.h; who answers: drivers/infiniband/ulp/ipoib, drivers/infiniband/hw/
mlx5/ib_virt.c (get: kernel 5.6 and later).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Iterator

NETLINK_ROUTE: Final = 0
_NLMSG_ERROR, _NLMSG_DONE, _RTM_NEWLINK, _RTM_GETLINK, _RTM_SETLINK = 2, 3, 16, 18, 19
_NLM_F_REQUEST, _NLM_F_ACK = 0x1, 0x4
_IFLA_VFINFO_LIST, _IFLA_EXT_MASK = 22, 29
_IFLA_VF_INFO = 1
_IFLA_VF_LINK_STATE, _IFLA_VF_IB_NODE_GUID, _IFLA_VF_IB_PORT_GUID = 5, 10, 11
_RTEXT_FILTER_VF, _RTEXT_FILTER_SKIP_STATS = 1 << 0, 1 << 3
_NLA_TYPE_MASK = 0x3FFF

_HEADER: Final = struct.Struct("=IHHII")
_IFINFO: Final = struct.Struct("=BxHiII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_VF_GUID: Final = struct.Struct("@IQ")  # struct ifla_vf_guid, with the machine's own padding.
_VF_LINK: Final = struct.Struct("@II")
_ANSWER_TIMEOUT_S: Final = 5.0
_BUFFER: Final = 1 << 20  # 128 VFs take some 30 KiB.

LINK_AUTO, LINK_UP, LINK_DOWN = 0, 1, 2
"""IFLA_VF_LINK_STATE_AUTO, _ENABLE, _DISABLE."""


@dataclass(eq=False)
class NetlinkFailed(IbstackError):
    """The kernel did not do it."""

    doing: str
    number: int
    """An errno."""

    def __str__(self) -> str:
        hint = ""
        if self.number == errno.EOPNOTSUPP:
            hint = "; its driver offers no GUIDs of VFs: load mlx5_ib of kernel 5.6 or later"
        return f"cannot {self.doing}: {os.strerror(self.number)}{hint}"


@dataclass(frozen=True, slots=True)
class VfInfo:
    """What the driver says of one VF.  None: the driver does not say.  GUID 0: never set."""

    number: int
    node_guid: int | None = None
    port_guid: int | None = None
    link: int | None = None


class Netlink:
    """A way to the driver of one network interface."""

    def __init__(self, index: int, *, protocol: int = NETLINK_ROUTE, peer: int = 0) -> None:
        """*index*: the interface's.  *protocol*, *peer*: who answers; 0 and 0 are the kernel."""
        self._index = index
        self._protocol = protocol
        self._peer = peer
        self._sequence = 0

    def set_guids(self, vf: int, guid: int) -> None:
        """Set the node and the port GUID of *vf*, each in a message of its own.

        Of a message with both the kernel sets the node GUID and forgets the other
        (net/core/rtnetlink.c, do_setvfinfo).
        """
        for kind in (_IFLA_VF_IB_NODE_GUID, _IFLA_VF_IB_PORT_GUID):
            value = attribute(kind, _VF_GUID.pack(vf, guid))
            self._set(value, f"set the GUID of VF {vf} to {guid:#018x}")

    def set_link(self, vf: int, link: int) -> None:
        """Set the link policy of *vf*: LINK_AUTO, LINK_UP or LINK_DOWN."""
        value = attribute(_IFLA_VF_LINK_STATE, _VF_LINK.pack(vf, link))
        self._set(value, f"set the link policy of VF {vf}")

    def read(self) -> dict[int, VfInfo]:
        """Return what the driver says of each VF, by number."""
        mask = struct.pack("=I", _RTEXT_FILTER_VF | _RTEXT_FILTER_SKIP_STATS)
        doing = f"read the VFs of interface {self._index}"
        message = self._ask(_RTM_GETLINK, 0, attribute(_IFLA_EXT_MASK, mask), doing)
        if message is None:
            raise NetlinkFailed(doing, errno.ENODATA)
        found: dict[int, VfInfo] = {}
        for kind, value in attributes(message[_IFINFO.size :]):
            if kind == _IFLA_VFINFO_LIST:
                vfs = (_vf_info(vf) for _, vf in attributes(value))
                found |= {vf.number: vf for vf in vfs if vf is not None}
        return found

    def _set(self, value: bytes, doing: str) -> None:
        nested = attribute(_IFLA_VFINFO_LIST, attribute(_IFLA_VF_INFO, value))
        self._ask(_RTM_SETLINK, _NLM_F_ACK, nested, doing)

    def _ask(self, kind: int, flags: int, payload: bytes, doing: str) -> bytes | None:
        """Return the body of the answer, None for a plain acknowledgement."""
        self._sequence += 1
        body = _IFINFO.pack(socket.AF_UNSPEC, 0, self._index, 0, 0) + payload
        size = _HEADER.size + len(body)
        request = _HEADER.pack(size, kind, flags | _NLM_F_REQUEST, self._sequence, 0) + body
        try:
            with socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, self._protocol
            ) as asking:
                asking.settimeout(_ANSWER_TIMEOUT_S)
                asking.bind((0, 0))
                asking.sendto(request, (self._peer, 0))
                return self._answer(asking, doing)
        except OSError as error:
            raise NetlinkFailed(doing, error.errno or errno.ETIMEDOUT) from error

    def _answer(self, asking: socket.socket, doing: str) -> bytes | None:
        while True:
            data, (sender, _) = asking.recvfrom(_BUFFER)
            if sender != self._peer:
                continue  # Any process may send to us; only the driver is believed.
            for kind, sequence, body in messages(data):
                if sequence != self._sequence:
                    continue
                if kind == _NLMSG_ERROR:
                    number = -struct.unpack_from("=i", body)[0]
                    if number:
                        raise NetlinkFailed(doing, number)
                    return None
                if kind == _RTM_NEWLINK:
                    return body


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute, padded to four bytes (netlink(7))."""
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + b"\0" * (-size % 4)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and value of each attribute; stop at the first that does not fit."""
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < _ATTRIBUTE.size or at + size > len(data):
            return
        yield kind & _NLA_TYPE_MASK, data[at + _ATTRIBUTE.size : at + size]
        at += size + (-size % 4)


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield kind, sequence number and body of each message; stop at the first that is cut."""
    at = 0
    while at + _HEADER.size <= len(data):
        size, kind, _flags, sequence, _sender = _HEADER.unpack_from(data, at)
        if size < _HEADER.size or at + size > len(data):
            return
        yield kind, sequence, data[at + _HEADER.size : at + size]
        at += size + (-size % 4)


def _vf_info(data: bytes) -> VfInfo | None:
    number: int | None = None
    values: dict[int, int] = {}
    layouts = {
        _IFLA_VF_IB_NODE_GUID: _VF_GUID,
        _IFLA_VF_IB_PORT_GUID: _VF_GUID,
        _IFLA_VF_LINK_STATE: _VF_LINK,
    }
    for kind, value in attributes(data):
        layout = layouts.get(kind)
        if layout is not None and len(value) >= layout.size:
            number, values[kind] = layout.unpack_from(value)
    if number is None:
        return None
    return VfInfo(
        number,
        node_guid=values.get(_IFLA_VF_IB_NODE_GUID),
        port_guid=values.get(_IFLA_VF_IB_PORT_GUID),
        link=values.get(_IFLA_VF_LINK_STATE),
    )
