# SPDX-License-Identifier: Apache-2.0
"""Switches that remember whether they check partition keys; ibsim's forget it at once.  Pure.

OpenSM switches the check on at each port of a switch that faces an adapter (`part_enforce both`),
and off where the adapter's keys do not fit the switch's table (ERR 0507).  These switches keep the
two bits of each SubnSet(PortInfo) and show them in the answers; everything else is ibsim's.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from ibstack.mad.datagrams import (
    DATA_LENGTH,
    DIRECTED_CLASS,
    Attribute,
    NodeType,
    decode_answer,
    decode_node_info,
    transaction_of,
)

_SET: Final = 0x02
_DATA: Final = 64
# IBTA vol 1, 14.2.5.6 and 14.2.5.4.
_ENFORCES_BYTE, _BOTH_WAYS = 43, 0x0C
_CAPACITY_BYTES: Final = slice(14, 16)
_ABILITIES_BYTE, _ABLE_BOTH_WAYS = 16, 0xC0
_HOP_COUNT_BYTE, _PATH = 7, 129
_PORT_OF_MODIFIER: Final = 0xFF

_Way: TypeAlias = "tuple[int, bytes]"
"""A client's number, and the directed route from its node."""


class EnforcingSwitches:
    """What the switches of one fabric have been told.

    Which switch a route leads to is known from the NodeInfo that its client asked for before, as
    every walk and every OpenSM does.  What is asked for by LID is left as ibsim answers it.
    """

    def __init__(self, capacity: int) -> None:
        """*capacity*: entries of the table of each external port (PartitionEnforcementCap)."""
        self._capacity = capacity
        self._switch_at: dict[_Way, bytes] = {}
        self._told: dict[tuple[int, int], int] = {}
        """The bits of each Set that is out, by client and transaction."""
        self._enforces: dict[tuple[bytes, int], int] = {}
        """By node GUID and port."""

    def forget(self, client: int) -> None:
        """The number *client* has been given to another client, maybe at another node."""
        self._switch_at = {way: node for way, node in self._switch_at.items() if way[0] != client}
        self._told = {told: bits for told, bits in self._told.items() if told[0] != client}

    def asked(self, client: int, mad: bytes) -> None:
        """Take note of a datagram from *client*."""
        attribute = int.from_bytes(mad[16:18], "big")
        if _directed(mad) and mad[3] == _SET and attribute == Attribute.PORT_INFO:
            bits = mad[_DATA + _ENFORCES_BYTE] & _BOTH_WAYS
            self._told[client, transaction_of(mad)] = bits

    def answered(self, client: int, mad: bytes) -> bytes:
        """Return what *client* is to get instead of *mad*."""
        answer = decode_answer(mad)
        if answer is None or not _directed(mad):
            return mad
        told = self._told.pop((client, answer.transaction), None)
        way = client, mad[_PATH : _PATH + mad[_HOP_COUNT_BYTE]]
        if answer.status:
            return mad
        if answer.attribute == Attribute.NODE_INFO:
            info = decode_node_info(answer.data)
            self._switch_at.pop(way, None)
            if info.node_type is NodeType.SWITCH:
                self._switch_at[way] = answer.data[12:20]
        switch, data = self._switch_at.get(way), bytearray(answer.data)
        port = answer.modifier & _PORT_OF_MODIFIER
        if switch is not None and answer.attribute == Attribute.SWITCH_INFO:
            data[_CAPACITY_BYTES] = self._capacity.to_bytes(2, "big")
            data[_ABILITIES_BYTE] |= _ABLE_BOTH_WAYS
        if switch is not None and answer.attribute == Attribute.PORT_INFO and port:
            if told is not None:
                self._enforces[switch, port] = told
            bits = self._enforces.get((switch, port), 0)
            data[_ENFORCES_BYTE] = data[_ENFORCES_BYTE] & ~_BOTH_WAYS | bits
        return mad[:_DATA] + bytes(data) + mad[_DATA + DATA_LENGTH :]


def _directed(mad: bytes) -> bool:
    return mad[1] == DIRECTED_CLASS
