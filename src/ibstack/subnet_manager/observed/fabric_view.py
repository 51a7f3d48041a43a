# SPDX-License-Identifier: Apache-2.0
"""What the fabric shows of its subnet managers and of its ports' tables, read by datagrams.

A host may have an OpenSM on each of several ports (Debian's PORTS=ALL), all on one file.  The one
in office counts, on whichever of them it is: the port through which we read need not be its.
"""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import TryLater
from ibstack.fabric.partition import PROOF_KEYS, PartitionKey, PkeyTable
from ibstack.facts.fabric.shared_guids import shared_guid
from ibstack.mad import FabricMap, Lid, NodeType, NotKnown, PortRecord, PortState, SmState
from ibstack.subnet_manager.observed.managers import observed_managers
from ibstack.subnet_manager.observed.ports import known_ports
from ibstack.subnet_manager.policy.drift import ObservedPort, Survey
from ibstack.subnet_manager.policy.known_ports import KnownPorts
from ibstack.subnet_manager.seam import Manager, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from contextlib import AbstractContextManager

    from ibstack.fabric.guid import Guid
    from ibstack.mad import FabricReader

_MAP_GOOD_FOR_S: Final = 1.0
"""How old a map may be when a port that should be on it is not."""

_CANDIDATES_GOOD_FOR_S: Final = 10.0
"""How old a map may be that tells where on this host a subnet manager runs."""


class FabricView:
    """Reads through a port that is open only while it is in use, for it may come and go."""

    def __init__(
        self,
        open_reader: Callable[[], AbstractContextManager[FabricReader]],
        own_ports: Callable[[], Collection[Guid]] = frozenset,
        clock: Callable[[], float] = time.monotonic,
        *,
        may_manage: frozenset[Guid] | None = None,
    ) -> None:
        """*own_ports* names the ports of this host; without it only the local one is looked at.

        *may_manage*: the ports on which the site runs subnet managers, beside this host's; None:
        not known.
        """
        self._may_manage = may_manage
        self._open_reader = open_reader
        self._own_ports = own_ports
        self._clock = clock
        self._seat: PortRecord | None = None
        self._reader: FabricReader | None = None
        self._map: FabricMap | None = None
        self._mapped_at = -math.inf
        self._known = KnownPorts()
        self.tables_read = 0
        """Tables that were asked for since the start."""

    @contextmanager
    def open(self) -> Iterator[FabricView]:
        """Open the local port; CannotReadFabric where there is none."""
        with self._open_reader() as self._reader:
            try:
                yield self
            finally:
                self._reader = None

    @property
    def reader(self) -> FabricReader:
        if self._reader is None:
            raise RuntimeError("the local port is not open")
        return self._reader

    def manager(self) -> Manager:
        """Return who manages the fabric; TryLater where the local port does not answer."""
        self._seat = None
        own = self._own_record()
        here = self.reader.local_subnet_manager()
        port = self.reader.port
        if isinstance(port, NotKnown):
            raise TryLater(f"cannot read the local port: {port.why}")
        if not port.link_up:
            # Whatever runs here manages its own port, and takes that for a fabric.
            return Manager(Role.NONE, own.guid, None, "the local port has no link")
        state = None if isinstance(here, NotKnown) else here.state
        if state is SmState.MASTER and port.sm_lid == port.lid:
            return self._in_office(own)
        others = frozenset(self._own_ports()) - {own.guid}
        if others and (seat := self._seat_among(others, port.sm_lid)) is not None:
            return self._in_office(seat)
        if state in (None, SmState.NOT_ACTIVE) and not self._has_candidate(others):
            why = here.why if isinstance(here, NotKnown) else "it is not active"
            return Manager(Role.NONE, own.guid, None, why)
        return self._standing_by(own, port.sm_lid)

    def _standing_by(self, own: PortRecord, lid: int) -> Manager:
        """Return what a standby sees of the master at *lid*; a stranger's proof keys prove none."""
        master = self._at_lid(lid)
        if master is None:
            return Manager(Role.STANDBY, own.guid, None)
        if self._may_manage is not None and master.guid not in self._site_managers(own.guid):
            (stranger,) = observed_managers(self.reader, [master], own.lid)
            return Manager(Role.STANDBY, own.guid, None, stranger=stranger)
        return Manager(Role.STANDBY, own.guid, self._proofs(master))

    def _site_managers(self, own: Guid) -> frozenset[Guid]:
        return (self._may_manage or frozenset()) | frozenset(self._own_ports()) | {own}

    def may_manage(self) -> frozenset[Guid] | None:
        """Return the ports on which the site runs subnet managers, this host's; None: not known."""
        return None if self._may_manage is None else self._site_managers(self._own_record().guid)

    def proofs(self) -> frozenset[PartitionKey] | None:
        """Return the proof keys on the port of this host's master, or else on the local port.

        None: not known now.
        """
        return self._proofs(self._seat or self._own_record())

    def _in_office(self, seat: PortRecord) -> Manager:
        self._seat = seat
        return Manager(Role.MASTER, seat.guid, self._proofs(seat))

    def _seat_among(self, others: Collection[Guid], lid: int) -> PortRecord | None:
        """Return which of this host's other ports the master at *lid* is on; None: on none."""
        said = self.reader.subnet_manager_at(Lid(lid)) if lid else NotKnown("no subnet manager")
        if isinstance(said, NotKnown) or said.state is not SmState.MASTER:
            return None
        if said.guid not in others:
            return None
        known = self._map.ports.get(said.guid) if self._map else None
        return (
            known if known is not None and known.lid == lid else self._walk().ports.get(said.guid)
        )

    def _has_candidate(self, others: Collection[Guid]) -> bool:
        """Tell whether a subnet manager that may take over runs on one of this host's others."""
        if not others:
            return False
        old = self._clock() - self._mapped_at > _CANDIDATES_GOOD_FOR_S
        fabric = self._walk() if self._map is None or old else self._map
        records = [fabric.ports[guid] for guid in others if guid in fabric.ports]
        states = [
            self.reader.subnet_manager_at(Lid(record.lid))
            for record in records
            if record.is_sm and record.lid
        ]
        return any(
            not isinstance(said, NotKnown) and said.state is not SmState.NOT_ACTIVE
            for said in states
        )

    def managers(self) -> frozenset[Guid]:
        """Return the ports on which a subnet manager runs, by the latest walk."""
        fabric = self._map or self._walk()
        return frozenset(record.guid for record in fabric.ends if record.is_sm)

    def known(self, good_for_s: float | None) -> KnownPorts:
        """Return what the latest walk tells of the ports; walk where it is older than that.

        None: any age will do, and where there was no walk nothing is known.
        """
        if good_for_s is not None and self.map_age_s > good_for_s:
            self._walk()
        return self._known

    @property
    def map_age_s(self) -> float:
        """Return how long ago the fabric was walked last; infinite where it was not."""
        return self._clock() - self._mapped_at

    def tables(
        self, guids: Collection[Guid], must_be_there: Collection[Guid] = ()
    ) -> dict[Guid, PkeyTable | None]:
        """Return the table of each port of *guids* that is on the fabric; None: not known.

        Where one of *must_be_there* is not on the map, the fabric is walked again, at most once a
        second.
        """
        fabric = self._fresh_map(must_be_there)
        records = [fabric.ports[guid] for guid in guids if guid in fabric.ports]
        found = {guid: _known(table) for guid, table in self._pkey_tables(records).items()}
        if None in found.values():
            self._map = None  # LIDs may have changed hands: look again next time.
        return found

    def survey(self) -> Survey:
        """Walk the fabric and read the table of every end port that is not a switch's."""
        fabric = self._walk()
        records = [p for p in fabric.ports.values() if p.node_type is not NodeType.SWITCH]
        twins = [p for p in fabric.twins if p.node_type is not NodeType.SWITCH]
        tables = self._pkey_tables(records)
        further = self.reader.tables_of(twins)
        self.tables_read += len(twins)
        enforced, enforcing = _enforcement(fabric)
        return Survey(
            {r.guid: _observed(r, tables[r.guid], enforced) for r in records},
            fabric.problems,
            fabric.silent_nodes,
            enforcing,
            tuple(
                (twin.guid, _observed(twin, table, enforced))
                for twin, table in zip(twins, further, strict=True)
            ),
            tuple(map(shared_guid, fabric.duplicates)),
            observed_managers(
                self.reader, self._with_manager(fabric), (self._seat or self._own_record()).lid
            ),
        )

    def _with_manager(self, fabric: FabricMap) -> list[PortRecord]:
        """Return the ports that say that a subnet manager runs there, and the one that is obeyed.

        Whoever has a host can leave out the bit that says so, and be master all the same.
        """
        port = self.reader.port
        obeyed = 0 if isinstance(port, NotKnown) else port.sm_lid
        return [each for each in fabric.ends if each.is_sm or (obeyed and each.lid == obeyed)]

    def _pkey_tables(self, records: Collection[PortRecord]) -> dict[Guid, PkeyTable | NotKnown]:
        self.tables_read += len(records)
        return self.reader.pkey_tables(records)

    def _fresh_map(self, must_be_there: Collection[Guid]) -> FabricMap:
        fabric = self._map
        if fabric is None:
            return self._walk()
        old = self._clock() - self._mapped_at > _MAP_GOOD_FOR_S
        if old and any(guid not in fabric.ports for guid in must_be_there):
            return self._walk()
        return fabric

    def _walk(self) -> FabricMap:
        self._map = self.reader.discover()
        self._mapped_at = self._clock()
        self._known = known_ports(self._map)
        return self._map

    def _own_record(self) -> PortRecord:
        node, port = self.reader.node, self.reader.port
        if isinstance(node, NotKnown) or isinstance(port, NotKnown):
            why = node.why if isinstance(node, NotKnown) else str(port)
            raise TryLater(f"cannot read the local port: {why}")
        return PortRecord(
            guid=node.port_guid,
            node_guid=node.node_guid,
            description=None,
            node_type=node.node_type,
            number=node.local_port,
            lid=port.lid,
            state=port.state,
            route=(),
            partition_cap=node.partition_cap,
        )

    def _at_lid(self, lid: int) -> PortRecord | None:
        """Return the end port with *lid*, by the map; walk again where it is not on it."""
        known = self._map.ports.values() if self._map else ()
        found = next((record for record in known if record.lid == lid), None)
        if found is not None:
            return found
        walked = self._walk().ports.values()
        return next((record for record in walked if record.lid == lid), None)

    def _proofs(self, record: PortRecord) -> frozenset[PartitionKey] | None:
        table = self._pkey_tables([record])[record.guid]
        if isinstance(table, NotKnown):
            self._map = None
            return None
        return frozenset(e.partition for e in table if e is not None and e.partition in PROOF_KEYS)


def _known(table: PkeyTable | NotKnown) -> PkeyTable | None:
    return None if isinstance(table, NotKnown) else table


def _observed(
    record: PortRecord, table: PkeyTable | NotKnown, enforced: Mapping[Guid, bool]
) -> ObservedPort:
    return ObservedPort(
        table=_known(table),
        active=record.state is PortState.ACTIVE,
        enforced=enforced.get(record.guid),
        name=record.description or "",
    )


def _enforcement(fabric: FabricMap) -> tuple[Mapping[Guid, bool], bool | None]:
    """Return whether the switch checks partition keys at each port, and whether any does.

    Only of ports that can, by what their switch says of itself; ibsim's say that they cannot.
    Where none does, the site or its subnet manager has switched it off (part_enforce): that is one
    fact of the fabric, and none of a port.
    """
    able = [port for port in fabric.switch_ports if port.can_enforce]
    if not able:
        return {}, None
    if not any(port.enforces for port in able):
        return {}, False
    enforced: dict[Guid, bool] = {}
    for port in able:
        if port.peer is not None:
            # Of two ports with one GUID both switch ports have to check.
            enforced[port.peer] = bool(port.enforces) and enforced.get(port.peer, True)
    return enforced, True
