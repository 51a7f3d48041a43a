# SPDX-License-Identifier: Apache-2.0
"""The judge's own eyes on the fabric: datagrams made and read here, byte by byte.

Nothing of ibstack.mad, whose mistakes a judge must not share.  Source of the layouts: IBTA vol 1,
14.2.1.2 (directed route), 14.2.5.3 (NodeInfo), .6 (PortInfo), .7 (P_KeyTable), .13 (SMInfo).
"""

from __future__ import annotations

import struct
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.simulated import SWITCH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack_lab.fabric.simulated import Fabric

ACTIVE: Final = 4
MASTER: Final = 3
_NODE_INFO, _PORT_INFO, _PKEY_TABLE, _SM_INFO = 0x11, 0x15, 0x16, 0x20
_HEADER: Final = struct.Struct(">BBBBHBBQHHIQHH28x")
_DIRECTED, _GET = 0x81, 0x01
_TRIES: Final = 5
_BLOCKS: Final = 2
"""ibsim gives each adapter's port 64 entries."""


@dataclass(frozen=True)
class WirePort:
    """An adapter's port that is cabled, as it is on the wires now."""

    guid: int
    state: int
    table: tuple[int, ...]
    """16 bits each, empty ones included."""

    @property
    def entries(self) -> set[int]:
        return {entry for entry in self.table if entry}


class NoAnswer(Exception):
    """The port is not on the fabric."""


class Wires:
    """Asks from the switch, one datagram at a time."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._transaction = 0x5EED0000

    def ports(self, nodes: Iterable[str]) -> dict[str, WirePort]:
        """Return those of *nodes* (ibsim's names) that are cabled."""
        found = {}
        with closing(Attachment(self._fabric, SWITCH)) as line:
            for node in nodes:
                try:
                    found[node] = self._port(line, node)
                except NoAnswer:
                    continue
        return found

    def tables(self, nodes: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Return the first block of each table: 32 entries."""
        with closing(Attachment(self._fabric, SWITCH)) as line:
            return {node: self._block(line, node, 0) for node in nodes}

    def is_master(self, host: str) -> bool:
        """Say whether the subnet manager on *host* says that it is master."""
        with closing(Attachment(self._fabric, SWITCH)) as line:
            try:
                data = self._get(line, host, _SM_INFO, 0)
            except NoAnswer:
                return False
        return data[20] & 0xF == MASTER

    def _port(self, line: Attachment, node: str) -> WirePort:
        info = self._get(line, node, _NODE_INFO, 0)
        (guid,) = struct.unpack_from(">Q", info, 20)
        state = self._get(line, node, _PORT_INFO, 0)[32] & 0xF
        table = [entry for n in range(_BLOCKS) for entry in self._block(line, node, n)]
        return WirePort(guid, state, tuple(table))

    def _block(self, line: Attachment, node: str, number: int) -> tuple[int, ...]:
        return struct.unpack(">32H", self._get(line, node, _PKEY_TABLE, number))

    def _get(self, line: Attachment, node: str, attribute: int, modifier: int) -> bytes:
        ports = self._fabric.route_from_switch(node)
        path = bytes([0, *ports]).ljust(64, b"\0")
        for _ in range(_TRIES):
            self._transaction += 1
            head = _HEADER.pack(
                *(1, _DIRECTED, 1, _GET, 0, 0, len(ports), self._transaction),
                *(attribute, 0, modifier, 0, 0xFFFF, 0xFFFF),
            )
            line.send(head + bytes(64) + path + bytes(64), None, 100)
            while (answer := line.receive(200)) is not None:
                (transaction,) = struct.unpack_from(">Q", answer.mad, 8)
                if transaction & 0xFFFFFFFF != self._transaction & 0xFFFFFFFF:
                    continue
                (status,) = struct.unpack_from(">H", answer.mad, 4)
                if answer.error or status & 0x7FFF:
                    break
                return bytes(answer.mad[64:128])
        raise NoAnswer(node)
