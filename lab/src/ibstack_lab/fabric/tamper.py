# SPDX-License-Identifier: Apache-2.0
"""Changing a port behind OpenSM's back, so that tests can see drift being found.

On a fabric whose M_Key is 0 any host with QP0 access can do this: that is why it must be found.
OpenSM does not repair it (seen on 3.3.23).  ibstack itself never sends a SubnSet.
"""

from __future__ import annotations

import struct
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ibstack.mad import NotKnown, Route
from ibstack.mad.datagrams import (
    ENTRIES_OF_A_BLOCK,
    GET,
    Attribute,
    PortState,
    decode_answer,
    encode_get,
    pkey_modifier,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ibstack.fabric.guid import Guid
    from ibstack.mad import FabricReader
    from ibstack_lab.fabric.attachment import Attachment

_SET: Final = 0x02
_METHOD_BYTE, _DATA = 3, 64
# Of PortInfo (IBTA vol 1, 14.2.5.6).  In the low half of the first PortState, 0: no change.
_STATE_BYTE, _ENFORCES_BYTE = 32, 43
_ENFORCES_BOTH_WAYS: Final = 0x0C
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
    data = struct.pack(f">{ENTRIES_OF_A_BLOCK}H", *raw)
    _exchange(attachment, route, _SET, Attribute.PKEY_TABLE, pkey_modifier(block), data)


def drop_to_init(attachment: Attachment, reader: FabricReader, port: Guid) -> None:
    """Take the cable of *port* down and up, both ends to INIT, as if the trap of it was lost.

    ibsim tells only the other end of a change, and an adapter has nothing to pass it on with.
    """
    with _switch_end(attachment, reader, port) as data:
        data[_STATE_BYTE] = data[_STATE_BYTE] & 0xF0 | PortState.DOWN.value


def stop_enforcing(attachment: Attachment, reader: FabricReader, port: Guid) -> None:
    """Have the switch at the other end of *port* check no partition keys there any more.

    Needs switches that remember it: `Fabric.start(enforcement_cap=…)`.
    """
    with _switch_end(attachment, reader, port) as data:
        data[_STATE_BYTE] &= 0xF0
        data[_ENFORCES_BYTE] &= ~_ENFORCES_BOTH_WAYS


@contextmanager
def _switch_end(attachment: Attachment, reader: FabricReader, port: Guid) -> Iterator[bytearray]:
    """Give the PortInfo of the switch's end of the cable of *port*, and write what was changed."""
    there = next(each for each in reader.discover().switch_ports if each.peer == port)
    route = Route(there.route)
    data = bytearray(_exchange(attachment, route, GET, Attribute.PORT_INFO, there.number, b""))
    yield data
    _exchange(attachment, route, _SET, Attribute.PORT_INFO, there.number, bytes(data))


def _exchange(
    attachment: Attachment,
    route: Route,
    method: int,
    attribute: Attribute,
    modifier: int,
    data: bytes,
) -> bytes:
    """Send one request and return the data of its answer."""
    mad = bytearray(encode_get(attribute, modifier, _TRANSACTION, route=route.ports))
    mad[_METHOD_BYTE] = method
    mad[_DATA : _DATA + len(data)] = data
    attachment.send(bytes(mad), None, 1000)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        received = attachment.receive(100)
        answer = decode_answer(received.mad) if received and not received.error else None
        if answer and answer.transaction == _TRANSACTION and not answer.status:
            return answer.data
    raise AssertionError(f"ibsim did not take the {attribute.name} by {route}")
