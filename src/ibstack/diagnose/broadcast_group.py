# SPDX-License-Identifier: Apache-2.0
"""Asking subnet administration whether a partition has its IPoIB broadcast group.

SubnAdmGet of MCMemberRecord by MGID (IBTA vol 1, 15.2.5.17).  The MGID of a partition's broadcast
group: ff12:401b:<P_Key, full member bit set>::ffff:ffff (RFC 4391 section 4), link-local scope.
"""

from __future__ import annotations

import errno
import itertools
import struct
import time
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import TryLater
from ibstack.fabric.partition import FULL_MEMBER_BIT

if TYPE_CHECKING:
    from ibstack.fabric.partition import PartitionKey
    from ibstack.mad import DatagramPort

SUBNET_ADMINISTRATION: Final = ((0x03, 2),)
"""Management class and version."""
_GET, _ANSWER = 0x01, 0x81
_MCMEMBER_RECORD: Final = 0x0038
_MGID_IS_GIVEN: Final = 0b1
_NO_RECORDS, _TOO_MANY = 0x0300, 0x0400
"""IBTA vol 1, table 188: what SubnAdmGet says of none, and of more than one."""
# Common header; RMPP header (none); SM_Key, attribute offset, component mask; the record's MGID.
_MAD: Final = struct.Struct(">BBBB HH Q HHI 12x Q HH Q 16s 184x")
_WAIT_S: Final = 1.0
_TRIES: Final = 3
_TRANSACTIONS = itertools.count(time.monotonic_ns() & 0x3FFFFFFF)


def mgid(key: PartitionKey) -> bytes:
    """Return the 16 bytes of the broadcast group's GID."""
    return struct.pack(">HHH6xI", 0xFF12, 0x401B, key.base | FULL_MEMBER_BIT, 0xFFFFFFFF)


def has_group(port: DatagramPort, sm_lid: int, key: PartitionKey) -> bool:
    """Ask through *port*; TryLater where there is no answer, or one that says neither."""
    for _ in range(_TRIES):
        status = _ask(port, sm_lid, key)
        if status == 0 or status == _TOO_MANY:
            return True
        if status == _NO_RECORDS:
            return False
        if status is not None:
            raise TryLater(f"subnet administration refused to say, status 0x{status:04x}")
    raise TryLater("subnet administration did not answer")


def _ask(port: DatagramPort, sm_lid: int, key: PartitionKey) -> int | None:
    transaction = next(_TRANSACTIONS) & 0xFFFFFFFF
    header = (1, 0x03, 2, _GET, 0, 0, transaction, _MCMEMBER_RECORD, 0, 0)
    mad = _MAD.pack(*header, 0, 0, 0, _MGID_IS_GIVEN, mgid(key))
    port.send(mad, sm_lid, int(_WAIT_S * 1000), queue_pair=1)
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        received = port.receive(100)
        if received is None or received.mad[12:16] != mad[12:16]:
            continue
        if received.error == errno.ETIMEDOUT:
            return None
        if received.mad[3] == _ANSWER:
            return int.from_bytes(received.mad[4:6], "big")
    return None
