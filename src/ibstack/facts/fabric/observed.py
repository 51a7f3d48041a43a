# SPDX-License-Identifier: Apache-2.0
"""A whole fabric as one walk shows it: ports, what their tables hold, what switches enforce."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PkeyTable, TableEntry
from ibstack.facts.fabric.shared_guids import SharedGuid, shared_guid
from ibstack.formats.codec import by_name, from_json, record, wire
from ibstack.mad import Lid, NodeType, NotKnown, PortState, Route, SmInfo, SmState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.mad import FabricMap, FabricReader, PortRecord


_ROUTE: Final = re.compile(r"^(?:LID \d+|directed route [\d,]+): ")


def _read_table(text: object) -> PkeyTable | None:
    words = (from_json(str, text) if text is not None else "").split()
    table = (None if word == "-" else TableEntry.from_wire(int(word, 16)) for word in words)
    return None if text is None else tuple(table)


def _table_text(table: PkeyTable | None) -> str | None:
    if table is None:
        return None
    words = [str(entry) if entry else "-" for entry in table]
    while words and words[-1] == "-":
        words.pop()
    return " ".join(words)


_TABLE: Final = wire(read=_read_table, write=_table_text)
"""In JSON a table is a text of words, `-` for an empty place, without what is behind its last."""
_OR_NULL: Final = wire(read=lambda raw: from_json(str, raw or ""), write=lambda text: text or None)


@record
@dataclass(frozen=True, slots=True)
class FabricPort:
    """One end port: of an adapter, or a switch's port 0."""

    guid: Guid
    node: str
    """The node's own description, such as `node003 mlx5_0`; empty: not known."""
    node_type: NodeType = field(metadata=by_name(NodeType))
    lid: int
    active: bool
    table: PkeyTable | None = field(metadata=_TABLE)
    """Up to its whole length; None: not known."""
    is_sm: bool = False
    sm_state: SmState | None = field(default=None, metadata=by_name(SmState))
    """Of the subnet manager there; None: there is none, or it does not answer."""
    mtu_bytes: int | None = None
    multicast_cap: int | None = None
    """Of a switch: how many multicast groups it can forward."""
    why_unread: str = field(default="", metadata=_OR_NULL)
    """Why the table is not known."""
    cabled_to: tuple[Guid, int] | None = None
    """The switch, and the port of it, at the other end of its cable; None: not known."""

    def __str__(self) -> str:
        return f"port {self.guid}"

    @property
    def host(self) -> str:
        """The first word of the description, which is the host's name by custom."""
        return self.node.partition(" ")[0]

    @property
    def is_master(self) -> bool:
        return self.sm_state is SmState.MASTER

    @property
    def held(self) -> frozenset[TableEntry]:
        return frozenset(entry for entry in self.table or () if entry is not None)


@record
@dataclass(frozen=True, slots=True)
class EnforcingPort:
    """One external port of a switch, with a link."""

    switch: Guid
    node: str
    number: int
    capacity: int
    """Entries of its P_Key table; 0: the switch cannot enforce partitions."""
    enforces: bool
    peer: Guid | None
    """The port at the other end; None: not known."""
    table: PkeyTable | None = field(metadata=_TABLE)
    can_enforce: bool | None = None
    """By SwitchInfo; None: not known."""
    why_unread: str = field(default="", metadata=_OR_NULL)
    """Why the table is not known."""

    def __str__(self) -> str:
        return f"port {self.number} of switch {self.switch}"

    @property
    def held(self) -> frozenset[TableEntry]:
        return frozenset(entry for entry in self.table or () if entry is not None)


@record
@dataclass(frozen=True, slots=True)
class ObservedFabric:
    """What one walk showed."""

    ports: tuple[FabricPort, ...]
    switch_ports: tuple[EnforcingPort, ...]
    problems: tuple[str, ...]
    """What did not answer; empty: all is known."""
    shared: tuple[SharedGuid, ...] | None = field(default=(), metadata=wire("shared_guids"))
    """Every GUID that several nodes have; None: not in what older versions wrote."""

    @property
    def adapters(self) -> tuple[FabricPort, ...]:
        """The ports that are not switches'."""
        return tuple(port for port in self.ports if port.node_type is not NodeType.SWITCH)

    def behind(self) -> dict[tuple[Guid, int], FabricPort]:
        """Return the adapter's port at the other end of each switch port, by switch and number."""
        by_place = {port.cabled_to: port for port in self.adapters if port.cabled_to}
        by_guid = {port.guid: port for port in self.adapters if not port.cabled_to}
        found = {}
        for each in self.switch_ports:
            port = by_place.get((each.switch, each.number))
            if port is None and each.peer is not None:
                port = by_guid.get(each.peer)
            if port is not None:
                found[each.switch, each.number] = port
        return found

    @property
    def managers(self) -> tuple[FabricPort, ...]:
        return tuple(port for port in self.ports if port.is_sm)


def read_fabric(reader: FabricReader) -> ObservedFabric:
    """Walk the fabric and read every table; CannotReadFabric where there is no way to it."""
    fabric = reader.discover()
    ends, switch_ends = _sorted(fabric.ends), _sorted(fabric.switch_ports)
    tables = zip(ends, reader.tables_of(ends), strict=True)
    enforced = zip(switch_ends, reader.tables_of(switch_ends), strict=True)
    ports = tuple(_port(reader, record, table) for record, table in tables)
    outer = tuple(_enforcing(record, table) for record, table in enforced)
    return ObservedFabric(ports, outer, fabric.problems, _shared(reader, fabric))


def _shared(reader: FabricReader, fabric: FabricMap) -> tuple[SharedGuid, ...]:
    """Return the GUIDs that several nodes have; a cable that was moved meanwhile is no second."""
    found = set(map(shared_guid, fabric.duplicates))
    if found:
        found &= set(map(shared_guid, reader.discover().duplicates))
    return tuple(sorted(found, key=str))


def _sorted(records: Iterable[PortRecord]) -> list[PortRecord]:
    return sorted(records, key=lambda record: (record.guid, record.number, record.place))


def _port(reader: FabricReader, record: PortRecord, table: PkeyTable | NotKnown) -> FabricPort:
    manager = None
    if record.is_sm:
        answer = reader.subnet_manager_at(Lid(record.lid) if record.lid else Route(record.route))
        manager = answer.state if isinstance(answer, SmInfo) else None
    return FabricPort(
        guid=record.guid,
        node=record.description or "",
        node_type=record.node_type,
        lid=record.lid,
        active=record.state is PortState.ACTIVE,
        table=_known(table),
        is_sm=record.is_sm,
        sm_state=manager,
        mtu_bytes=record.mtu_bytes,
        multicast_cap=record.multicast_cap,
        why_unread=_why(table),
        cabled_to=record.cabled_to,
    )


def _enforcing(record: PortRecord, table: PkeyTable | NotKnown) -> EnforcingPort:
    return EnforcingPort(
        switch=record.guid,
        node=record.description or "",
        number=record.number,
        capacity=record.partition_cap,
        enforces=bool(record.enforces),
        peer=record.peer,
        table=_known(table),
        can_enforce=record.can_enforce,
        why_unread=_why(table),
    )


def _why(table: PkeyTable | NotKnown) -> str:
    """Return why a table is not known, without the route, so that ports that say the same fold."""
    return _ROUTE.sub("", table.why) if isinstance(table, NotKnown) else ""


def _known(table: PkeyTable | NotKnown) -> PkeyTable | None:
    return None if isinstance(table, NotKnown) else table
