# SPDX-License-Identifier: Apache-2.0
"""Joining and leaving multicast groups, as IPoIB in a kernel does: SubnAdmSet and SubnAdmDelete.

MCMemberRecord: IBTA vol 1, 15.2.5.17.  A join states the MGID, the port's GID and the JoinState.
"""

from __future__ import annotations

import itertools
import struct
import time
from contextlib import closing
from typing import TYPE_CHECKING

from ibstack.mad import FabricReader, PortInfo
from ibstack_lab.fabric.attachment import Attachment

if TYPE_CHECKING:
    from ipaddress import IPv6Address

    from ibstack_lab.fabric.simulated import Fabric

_SET, _DELETE = 0x02, 0x15
_FULL_MEMBER, _LINK_LOCAL = 0x1, 0x20
_MGID_PORT_AND_STATE = 1 << 0 | 1 << 1 | 1 << 16
_MAD = struct.Struct(">BBBB HH Q HHI 12x Q HH Q 16s 16s 16x B 3x 148x")
_PREFIX = bytes.fromhex("fe80000000000000")
_TRANSACTIONS = itertools.count(time.monotonic_ns() & 0x3FFFFFFF)


def join(fabric: Fabric, host: str, mgid: IPv6Address) -> int:
    """Join as a full member; return the status, 0 where it was let in."""
    return _ask(fabric, host, mgid, _SET)


def leave(fabric: Fabric, host: str, mgid: IPv6Address) -> int:
    return _ask(fabric, host, mgid, _DELETE)


def _ask(fabric: Fabric, host: str, mgid: IPv6Address, method: int) -> int:
    gid = _PREFIX + fabric.topology.host(host).port_guid.value.to_bytes(8, "big")
    with closing(Attachment(fabric, host)) as port:
        own = FabricReader(port).port
        assert isinstance(own, PortInfo)
        header = (1, 0x03, 2, method, 0, 0, next(_TRANSACTIONS), 0x38, 0, 0, 0, 0, 0)
        state = _LINK_LOCAL | _FULL_MEMBER
        mad = _MAD.pack(*header, _MGID_PORT_AND_STATE, mgid.packed, gid, state)
        port.send(mad, own.sm_lid, 1000, queue_pair=1)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            answer = port.receive(100)
            if answer and answer.mad[8:16] == mad[8:16] and answer.mad[3] & 0x80:
                return int.from_bytes(answer.mad[4:6], "big")
    raise AssertionError("subnet administration did not answer")
