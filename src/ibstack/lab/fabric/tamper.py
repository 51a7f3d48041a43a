# SPDX-License-Identifier: Apache-2.0
"""Writing a port's P_Key table behind OpenSM's back, so that tests can see drift being found.

On a fabric whose M_Key is 0 any host with QP0 access can do this: that is why it must be found.
OpenSM does not repair it (seen on 3.3.23).  ibstack itself never sends a SubnSet.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Final

from ibstack.mad import NotKnown, Route
from ibstack.mad.datagrams import (
    ENTRIES_OF_A_BLOCK,
    Attribute,
    decode_answer,
    encode_get,
    pkey_modifier,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ibstack.fabric.guid import Guid
    from ibstack.lab.fabric.attachment import Attachment
    from ibstack.mad import FabricReader

_SET: Final = 0x02
_METHOD_BYTE, _DATA = 3, 64
_TRANSACTION: Final = 0x7A3FE12


def write_entries(
    attachment: Attachment, reader: FabricReader, port: Guid, entries: Mapping[int, int]
) -> None:
    """Put *entries* (index: 16 bits) into the table of *port*; leave its other entries.

    *reader* reads through *attachment*.
    """
    route = Route(reader.discover().ports[port].route)
    for block in sorted({index // ENTRIES_OF_A_BLOCK for index in entries}):
        now = reader.read_block(route, block)
        if isinstance(now, NotKnown):
            raise AssertionError(str(now))
        raw = [entry.to_wire() if entry else 0 for entry in now]
        for index, value in entries.items():
            if index // ENTRIES_OF_A_BLOCK == block:
                raw[index % ENTRIES_OF_A_BLOCK] = value
        set_block(attachment, route, block, raw)


def set_block(attachment: Attachment, route: Route, block: int, raw: Sequence[int]) -> None:
    """Write the 32 entries of one block of the table of the port at *route*."""
    modifier = pkey_modifier(block)
    mad = bytearray(encode_get(Attribute.PKEY_TABLE, modifier, _TRANSACTION, route=route.ports))
    mad[_METHOD_BYTE] = _SET
    mad[_DATA : _DATA + 2 * ENTRIES_OF_A_BLOCK] = struct.pack(">32H", *raw)
    attachment.send(bytes(mad), None, 1000)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        received = attachment.receive(100)
        answer = decode_answer(received.mad) if received and not received.error else None
        if answer and answer.transaction == _TRANSACTION and not answer.status:
            return
    raise AssertionError(f"ibsim did not take the table by {route}")
