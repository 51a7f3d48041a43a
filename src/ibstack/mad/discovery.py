# SPDX-License-Identifier: Apache-2.0
"""Walking the fabric: from the local port through every link that is up, by directed routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ibstack.mad import datagrams
from ibstack.mad.datagrams import (
    MOST_HOPS,
    Attribute,
    MalformedDatagram,
    NodeInfo,
    NodeType,
    PortInfo,
    PortState,
    SwitchInfo,
)
from ibstack.mad.pipeline import NotKnown, Request, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ibstack.fabric.guid import Guid

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class PortRecord:
    """One end port: an adapter's, or a switch's port 0; or a switch's external port."""

    guid: Guid
    """Of the port; of a switch's external port, which has none, the switch's."""
    node_guid: Guid
    description: str | None
    """The node's own text, usually its host's name; None: not known."""
    node_type: NodeType
    number: int
    lid: int
    """0: none yet."""
    state: PortState
    route: tuple[int, ...]
    """From the port that it was read from."""
    partition_cap: int
    """Entries of its P_Key table."""
    is_sm: bool = False
    enforces: bool | None = None
    """Of a switch's external port: partitions are enforced both ways.  None: an end port."""
    can_enforce: bool | None = None
    """Of a switch's external port: its switch can do that.  None: an end port."""
    peer: Guid | None = None
    """The port GUID at the other end of the cable, of a switch's external port."""
    mtu_bytes: int | None = None
    """The largest packet that may be sent through it; None: no subnet manager has set it yet."""
    multicast_cap: int | None = None
    """Of a switch's port 0: how many multicast groups it can forward.  None: an adapter's port."""


@dataclass(frozen=True, slots=True)
class FabricMap:
    """Every port that answered, and what did not."""

    ports: dict[Guid, PortRecord]
    """The end ports, by port GUID."""
    switch_ports: tuple[PortRecord, ...]
    """External ports of switches that have a link."""
    problems: tuple[str, ...]
    """What could not be read; empty: the map is whole."""
    silent_nodes: int = 0
    """How many nodes did not answer, or not everything that they were asked."""


@dataclass(slots=True)
class _Found:
    """A node as it becomes known."""

    info: NodeInfo
    route: tuple[int, ...]
    description: str | None = None
    switch: SwitchInfo | None = None
    ports: dict[int, PortInfo] = field(default_factory=dict)
    peers: dict[int, Guid] = field(default_factory=dict)


class Walk:
    """One walk.  `start()` is the first request; the rest follow from the answers."""

    def __init__(self) -> None:
        # An adapter is met once for each of its cabled ports, a switch once for each way to it.
        self._found: dict[Guid, _Found] = {}
        self._problems: list[str] = []
        self._silent: set[tuple[int, ...]] = set()

    def start(self) -> Request:
        return self._visit((), None, 0)

    def finish(self) -> FabricMap:
        """Return the map, once all requests are settled."""
        ports = {guid: record for guid, node in self._found.items() if (record := _end(node))}
        external = [r for node in self._found.values() for r in _externals(node)]
        return FabricMap(ports, tuple(external), tuple(self._problems), len(self._silent))

    def _visit(self, route: tuple[int, ...], origin: _Found | None, number: int) -> Request:
        def met(outcome: bytes | NotKnown) -> Iterator[Request]:
            info = decoded(outcome, datagrams.decode_node_info)
            if isinstance(info, NotKnown):
                self._problems.append(f"cannot read the node at {info.why}")
                self._silent.add(route)
                return
            if origin is not None:
                origin.peers[number] = info.port_guid
            if info.port_guid not in self._found:
                found = self._found[info.port_guid] = _Found(info, route)
                yield from self._explore(found)

        return Request(Route(route), Attribute.NODE_INFO, 0, met)

    def _explore(self, found: _Found) -> Iterator[Request]:
        def describe(text: str) -> Iterator[Request]:
            found.description = text
            yield from ()

        def note_switch(switch: SwitchInfo) -> Iterator[Request]:
            found.switch = switch
            yield from ()

        yield self._ask(
            found, Attribute.NODE_DESCRIPTION, 0, datagrams.decode_node_description, describe
        )
        if found.info.node_type is NodeType.SWITCH:
            yield self._ask(
                found, Attribute.SWITCH_INFO, 0, datagrams.decode_switch_info, note_switch
            )
            numbers = range(found.info.ports + 1)
        else:
            numbers = range(found.info.local_port, found.info.local_port + 1)
        for number in numbers:
            yield self._ask(
                found,
                Attribute.PORT_INFO,
                number,
                datagrams.decode_port_info,
                self._port_taker(found, number),
            )

    def _port_taker(self, found: _Found, number: int) -> Callable[[PortInfo], Iterator[Request]]:
        def take(port: PortInfo) -> Iterator[Request]:
            found.ports[number] = port
            is_switch = found.info.node_type is NodeType.SWITCH
            # Of adapters only our own leads on, and of a switch no port 0.
            leads_on = number != 0 if is_switch else not found.route
            if port.link_up and leads_on and len(found.route) < MOST_HOPS:
                yield self._visit((*found.route, number), found, number)

        return take

    def _ask(
        self,
        found: _Found,
        attribute: Attribute,
        modifier: int,
        decode: Callable[[bytes], _Value],
        take: Callable[[_Value], Iterator[Request]],
    ) -> Request:
        def then(outcome: bytes | NotKnown) -> Iterator[Request]:
            value = decoded(outcome, decode)
            if isinstance(value, NotKnown):
                name = attribute.name.lower().replace("_", " ")
                self._problems.append(
                    f"cannot read the {name} of {found.info.port_guid}: {value.why}"
                )
                self._silent.add(found.route)
                return
            yield from take(value)

        return Request(Route(found.route), attribute, modifier, then)


def _end(node: _Found) -> PortRecord | None:
    is_switch = node.info.node_type is NodeType.SWITCH
    number = 0 if is_switch else node.info.local_port
    port = node.ports.get(number)
    if port is None:
        return None  # Its problem is on the list.
    return PortRecord(
        guid=node.info.port_guid,
        node_guid=node.info.node_guid,
        description=node.description,
        node_type=node.info.node_type,
        number=number,
        lid=port.lid,
        state=port.state,
        route=node.route,
        partition_cap=node.info.partition_cap,
        is_sm=port.is_sm,
        mtu_bytes=port.mtu_bytes,
        multicast_cap=node.switch.multicast_cap if is_switch and node.switch else None,
    )


def _externals(node: _Found) -> Iterator[PortRecord]:
    if node.info.node_type is not NodeType.SWITCH or node.switch is None:
        return
    for number, port in sorted(node.ports.items()):
        if number == 0 or not port.link_up:
            continue
        yield PortRecord(
            guid=node.info.port_guid,
            node_guid=node.info.node_guid,
            description=node.description,
            node_type=NodeType.SWITCH,
            number=number,
            lid=0,
            state=port.state,
            route=node.route,
            partition_cap=node.switch.enforcement_cap,
            enforces=port.enforces_inbound and port.enforces_outbound,
            can_enforce=node.switch.can_enforce and node.switch.enforcement_cap > 0,
            peer=node.peers.get(number),
            mtu_bytes=port.mtu_bytes,
        )


def decoded(outcome: bytes | NotKnown, decode: Callable[[bytes], _Value]) -> _Value | NotKnown:
    """Return what *decode* makes of the data; NotKnown for no data, and for nonsense."""
    if isinstance(outcome, NotKnown):
        return outcome
    try:
        return decode(outcome)
    except MalformedDatagram as error:
        return NotKnown(str(error))
