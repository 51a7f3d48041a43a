# SPDX-License-Identifier: Apache-2.0
"""A fabric in memory, with tables of partition keys, and subnet managers that write them.

The readers of a real fabric read it: only the wires are made up.  MemoryOpenSm reads a partitions
file as OpenSM does.  tests/subnet_manager/subnet_manager_contract.py holds them against OpenSM.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cabled_nodes import Cables, Node, _node_info, _port_info, adapter, switch
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import (
    DEFAULT_PARTITION,
    PROOF_KEYS,
    PartitionKey,
    TableEntry,
)
from ibstack.formats.partitions_conf.reading import read
from ibstack.formats.partitions_conf.statement import Keyword, MembershipFlag
from ibstack.mad import FabricReader, Lid, NotKnown, PortState, SmState
from ibstack.mad.datagrams import DATA_LENGTH, ENTRIES_OF_A_BLOCK, Attribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ibstack.formats.partitions_conf.statement import Statement
    from ibstack.mad.pipeline import Request

_CAP = 64
_OPEN = TableEntry(DEFAULT_PARTITION, full_member=True)
_CLOSED = TableEntry(DEFAULT_PARTITION, full_member=False)


@dataclass(eq=False)
class Port(Node):
    """An adapter with one port."""

    table: list[TableEntry | None] = field(default_factory=lambda: [_OPEN] + [None] * (_CAP - 1))
    manager: SmState | None = None
    """Of the subnet manager that runs there; None: none does."""

    @property
    def guid(self) -> Guid:
        return Guid(self.port_guids[1])

    written: set[TableEntry] | None = None
    """What a subnet manager has written; it compares with that, as OpenSM does."""

    def write(self, wanted: set[TableEntry]) -> None:
        """As the subnet manager: write the table where it was to be another one before."""
        if self.written != wanted:
            self.written = wanted
            self.holds(wanted)

    def holds(self, wanted: Iterable[TableEntry]) -> None:
        """Write the table: the default partition's entry first, and what stays where it is."""
        first, *rest = sorted(set(wanted), key=lambda entry: entry.partition != DEFAULT_PARTITION)
        table = [first, *[entry if entry in rest else None for entry in self.table[1:]]]
        for entry in rest:
            if entry not in table:
                table[table.index(None)] = entry
        self.table = table


class MemoryFabric:
    """Hosts on one switch, each with a port: by its name, or by its port GUID."""

    def __init__(self, hosts: Mapping[str, int]) -> None:
        """*hosts*: the node GUID of each; its port's is one more."""
        self.leaf = switch("leaf", 0x5000, ports=len(hosts) + 4, lid=100)
        self.ports = {name: self._port(name, guid) for name, guid in hosts.items()}
        for number, port in enumerate(self.ports.values(), 1):
            port.lid = number
            port.connect(1, self.leaf, number)

    @staticmethod
    def _port(name: str, guid: int) -> Port:
        node = adapter(name, guid)
        return Port(node.name, node.kind, node.node_guid, node.port_guids, node.ports)

    @property
    def master(self) -> Port | None:
        """The port of the one that all others obey."""
        found = [port for port in self.ports.values() if port.manager is SmState.MASTER]
        return found[0] if found else None

    def at(self, guid: Guid) -> Port:
        return next(port for port in self.ports.values() if port.guid == guid)

    def table(self, guid: Guid) -> set[str]:
        """Return the entries of a port's table, proof keys left out."""
        held = [entry for entry in self.at(guid).table if entry is not None]
        return {str(entry) for entry in held if entry.partition not in PROOF_KEYS}

    @contextmanager
    def reader_at(self, name: str) -> Iterator[FabricReader]:
        """Read the fabric through the port of a host, with the reader of real fabrics."""
        yield _MemoryReader(self, self.ports[name])


class _MemoryReader(FabricReader):
    def __init__(self, fabric: MemoryFabric, port: Port) -> None:
        self._pipeline = _Wires(fabric, port)  # type: ignore[assignment]

    def close(self) -> None:
        pass


class _Wires(Cables):
    """Answers what a reader asks, by directed routes and by LIDs."""

    def __init__(self, fabric: MemoryFabric, origin: Port) -> None:
        super().__init__(origin)
        self._fabric = fabric
        self._here = origin

    def run(self, requests: Iterable[Request]) -> None:
        waiting = list(requests)
        while waiting:
            request = waiting.pop()
            waiting += request.then(self._answer(request))

    def _answer(self, request: Request) -> bytes | NotKnown:
        node = self._node(request)
        if node is None:
            return NotKnown(f"{request.way}: no answer, 3 tries")
        if isinstance(node, Port) and request.attribute is Attribute.PKEY_TABLE:
            return _block(node, request.modifier & 0xFFFF)
        if request.attribute is Attribute.SM_INFO:
            said = _sm_info(node) if isinstance(node, Port) else None
            return said or NotKnown(f"{request.way}: no subnet manager")
        if request.attribute is Attribute.PORT_INFO:
            return self._port_info(node, request.modifier)
        if isinstance(request.way, Lid):
            return _node_info(node, 1) if request.attribute is Attribute.NODE_INFO else _NOTHING
        return super()._answer(request)

    def _port_info(self, node: Node, number: int) -> bytes:
        data = bytearray(_port_info(node, number or (1 if isinstance(node, Port) else 0)))
        master = self._fabric.master
        data[18:20] = (master.lid if master else 0).to_bytes(2)
        runs = isinstance(node, Port) and node.manager is not None
        data[20:24] = (2 if runs else 0).to_bytes(4)
        return bytes(data)

    def _node(self, request: Request) -> Node | None:
        if isinstance(request.way, Lid):
            nodes: list[Node] = [*self._fabric.ports.values(), self._fabric.leaf]
            up = [node for node in nodes if node is self._here or 1 in node.cables]
            return next((node for node in up if node.lid == request.way.value), None)
        node: Node = self._here
        for number in request.way.ports:
            if number not in node.cables:
                return None
            node = node.cables[number][0]
        return node


_NOTHING = bytes(DATA_LENGTH)


def _block(port: Port, number: int) -> bytes:
    entries = port.table[number * ENTRIES_OF_A_BLOCK :][:ENTRIES_OF_A_BLOCK]
    return b"".join((entry.to_wire() if entry else 0).to_bytes(2) for entry in entries)


def _sm_info(port: Port) -> bytes | None:
    if port.manager is None:
        return None
    data = bytearray(DATA_LENGTH)
    data[0:8] = port.guid.value.to_bytes(8)
    data[8:16] = (1).to_bytes(8)
    data[20] = port.manager.value
    return bytes(data)


class MemoryOpenSm:
    """What OpenSmProcesses is to the OpenSM of one host: it reads *path* at every reload."""

    def __init__(self, fabric: MemoryFabric, host: str, path: Path) -> None:
        self._fabric = fabric
        self._port = fabric.ports[host]
        self._path = path
        self.deaf = False
        """Takes no notice of a reload, as one that hangs."""

    def reload(self) -> None:
        if not self.deaf and self._port.manager is SmState.MASTER:
            self.sweep()

    def knows_vports(self) -> bool | None:
        return True

    def sweep(self) -> None:
        """Write every table as the file says; without one that can be read, the fabric is open."""
        found = read(self._path.read_bytes() if self._path.exists() else b"oops\n")
        for port in self._fabric.ports.values():
            if port.cables:
                port.write({_OPEN} if found.refused else self._entries(port, found.statements))
                port.state = PortState.ACTIVE

    def _entries(self, port: Port, statements: Iterable[Statement]) -> set[TableEntry]:
        held: dict[PartitionKey, MembershipFlag] = {}
        for statement in statements:
            for listed in statement.members:
                if self._means(listed.who, port):
                    held[statement.key] = listed.membership_flag
        full = {key: how is not MembershipFlag.LIMITED for key, how in held.items()}
        return {TableEntry(key, full_member=is_full) for key, is_full in full.items()} or {_CLOSED}

    def _means(self, who: Guid | Keyword, port: Port) -> bool:
        if who is Keyword.SELF:
            return port is self._port
        return who in (Keyword.ALL, Keyword.ALL_CAS, port.guid)
