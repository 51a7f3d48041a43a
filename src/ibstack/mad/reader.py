# SPDX-License-Identifier: Apache-2.0
"""What is true on the fabric, read from the fabric itself: its ports, subnet managers, tables."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from ibstack.mad import datagrams
from ibstack.mad.datagrams import (
    ENTRIES_OF_A_BLOCK,
    Attribute,
    NodeInfo,
    NodeType,
    PortInfo,
    PortState,
    SmInfo,
)
from ibstack.mad.discovery import Walk, decoded
from ibstack.mad.pipeline import Lid, NotKnown, Pipeline, Request, Route
from ibstack.mad.umad import SUBNET_MANAGEMENT, UmadPort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PkeyTable, TableEntry
    from ibstack.mad.fabric_map import FabricMap, PortRecord
    from ibstack.mad.pipeline import DatagramPort, Way

_Value = TypeVar("_Value")
_OURSELVES: Final = Route(())


class FabricReader:
    """One open local port, through which the whole fabric can be read; it cannot be written.

    What does not answer becomes a `NotKnown`; CannotReadFabric is raised only where the local port
    itself is gone.
    """

    def __init__(
        self, port: DatagramPort, *, m_key: int = 0, timeout_s: float = 0.2, tries: int = 3
    ) -> None:
        """*m_key*: needed where the fabric's M_Key protection level is 2 or 3."""
        self._pipeline = Pipeline(port, m_key=m_key, timeout_s=timeout_s, tries=tries)
        self._port = port

    @property
    def node(self) -> NodeInfo | NotKnown:
        """Read the local node: its `port_guid` is the local port's."""
        return self._one(_OURSELVES, Attribute.NODE_INFO, datagrams.decode_node_info)

    @property
    def port(self) -> PortInfo | NotKnown:
        """Read the local port: LID, LID of the subnet manager, state."""
        return self._one(_OURSELVES, Attribute.PORT_INFO, datagrams.decode_port_info)

    def subnet_manager(self) -> SmInfo | NotKnown:
        """Read the subnet manager that the local port obeys.

        A dead master is still named by the ports until another has taken over: NotKnown.
        """
        port = self.port
        if isinstance(port, NotKnown):
            return port
        if not port.sm_lid:
            return NotKnown("no subnet manager has configured the local port")
        return self.subnet_manager_at(Lid(port.sm_lid))

    def local_subnet_manager(self) -> SmInfo | NotKnown:
        """Read the subnet manager on the local port itself, NotKnown where none runs there."""
        port = self.port
        if isinstance(port, NotKnown):
            return port
        if not port.is_sm:
            return NotKnown("no subnet manager runs on the local port")
        return self.subnet_manager_at(Lid(port.lid) if port.lid else _OURSELVES)

    def subnet_manager_at(self, way: Way) -> SmInfo | NotKnown:
        """Ask the subnet manager at *way* about itself."""
        return self._one(way, Attribute.SM_INFO, datagrams.decode_sm_info)

    def discover(self) -> FabricMap:
        """Walk the whole fabric by directed routes, as a subnet manager does."""
        walk = Walk()
        requests = walk.start()
        while requests:
            self._pipeline.run(requests)
            requests = walk.more()
        return walk.finish()

    def pkey_tables(self, ports: Iterable[PortRecord]) -> dict[Guid, PkeyTable | NotKnown]:
        """Read the table of each of *ports*, which have one GUID each; see tables_of()."""
        wanted = list(ports)
        return {p.guid: table for p, table in zip(wanted, self.tables_of(wanted), strict=True)}

    def tables_of(self, ports: Iterable[PortRecord]) -> list[PkeyTable | NotKnown]:
        """Read the whole table of each of *ports*, in their order, all of them at a time.

        Each port is asked for its GUID too: after LIDs have changed hands the wrong port's table
        is not known, and never taken for the right one's.  Several ports may have one GUID.  Of a
        switch's external port it is the table that it enforces.
        """
        # A LID that was valid in an earlier look is no way out while our own port is not up.
        local = self.port
        routable = not isinstance(local, NotKnown) and local.state is PortState.ACTIVE
        readings = [_TableReading(port, routable=routable) for port in ports]
        self._pipeline.run(r for reading in readings for r in reading.start())
        return [reading.result() for reading in readings]

    def read_block(self, way: Way, block: int = 0) -> tuple[TableEntry | None, ...] | NotKnown:
        """Read 32 entries of the table of the port at *way*."""
        modifier = datagrams.pkey_modifier(block)
        return self._one(way, Attribute.PKEY_TABLE, datagrams.decode_pkey_block, modifier)

    def close(self) -> None:
        self._port.close()

    def _one(
        self,
        way: Way,
        attribute: Attribute,
        decode: Callable[[bytes], _Value],
        modifier: int = 0,
    ) -> _Value | NotKnown:
        got: list[_Value | NotKnown] = []

        def then(outcome: bytes | NotKnown) -> tuple[()]:
            got.append(decoded(outcome, decode))
            return ()

        self._pipeline.run([Request(way, attribute, modifier, then)])
        return got[0]


class _TableReading:
    """The blocks of one port's table, as they come in."""

    def __init__(self, port: PortRecord, *, routable: bool = True) -> None:
        self._port = port
        self._external = port.node_type is NodeType.SWITCH and port.number != 0
        served = port.lid and port.state is PortState.ACTIVE and not port.shares_guid
        by_lid = routable and served and not self._external
        self._way: Way = Lid(port.lid) if by_lid else Route(port.route)
        self._failure: NotKnown | None = None
        blocks = -(-port.partition_cap // ENTRIES_OF_A_BLOCK)
        self._blocks: list[tuple[TableEntry | None, ...]] = [()] * blocks

    def start(self) -> Iterator[Request]:
        yield Request(self._way, Attribute.NODE_INFO, 0, self._identified)
        switch_port = self._port.number if self._external else 0
        for block in range(len(self._blocks)):
            modifier = datagrams.pkey_modifier(block, switch_port)
            yield Request(self._way, Attribute.PKEY_TABLE, modifier, self._block_taker(block))

    def result(self) -> PkeyTable | NotKnown:
        if self._failure is not None:
            return self._failure
        entries = [entry for block in self._blocks for entry in block]
        return tuple(entries[: self._port.partition_cap])

    def _identified(self, outcome: bytes | NotKnown) -> tuple[()]:
        info = decoded(outcome, datagrams.decode_node_info)
        if isinstance(info, NotKnown):
            self._failure = info
        elif info.port_guid != self._port.guid:
            self._failure = NotKnown(f"{self._way}: {info.port_guid} answers there now")
        elif not self._external and info.partition_cap != self._port.partition_cap:
            self._failure = NotKnown(f"{self._way}: its table has changed its length")
        return ()

    def _block_taker(self, block: int) -> Callable[[bytes | NotKnown], tuple[()]]:
        def take(outcome: bytes | NotKnown) -> tuple[()]:
            entries = decoded(outcome, datagrams.decode_pkey_block)
            if isinstance(entries, NotKnown):
                self._failure = entries
            else:
                self._blocks[block] = entries
            return ()

        return take


# One at a time in a process: see the traps of umad2sim in umad.py.
_TURN: Final = threading.Lock()
_OPEN: Final[list[int]] = []
# Ports closed with requests still out, to which an answer may yet come: used again at the next
# opening.  The kernel gives each request back in time, so this is for simulated fabrics.
_PARKED: Final[dict[tuple[str | None, int | None], UmadPort]] = {}


@contextmanager
def open_port(
    ca: str | None = None,
    port: int | None = None,
    *,
    m_key: int = 0,
    timeout_s: float = 0.2,
    tries: int = 3,
) -> Iterator[FabricReader]:
    """Open a local port for reading: port *port* of *ca*, or the first active one.

    Threads take turns: a second one waits here until the first has closed.  Raises
    CannotReadFabric where this machine has no port that can be opened.
    """
    if threading.get_ident() in _OPEN:
        raise RuntimeError("this thread has a port open already and would wait for itself")
    with _TURN:
        _OPEN.append(threading.get_ident())
        try:
            opened = _PARKED.pop((ca, port), None) or UmadPort(ca, port, SUBNET_MANAGEMENT)
            try:
                yield FabricReader(opened, m_key=m_key, timeout_s=timeout_s, tries=tries)
            finally:
                _put_away(opened, (ca, port))
        finally:
            _OPEN.clear()


def _put_away(port: UmadPort, name: tuple[str | None, int | None]) -> None:
    if port.settled():
        port.close()
    else:
        _PARKED[name] = port
