# SPDX-License-Identifier: Apache-2.0
"""Walking the fabric: from the local port through every link that is up, by directed routes.

A GUID that is met again is the same node by another way, or another node: see same_node.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from ibstack.mad import datagrams
from ibstack.mad.datagrams import (
    MOST_HOPS,
    Attribute,
    MalformedDatagram,
    NodeType,
    PortInfo,
    SwitchInfo,
)
from ibstack.mad.fabric_map import FabricMap, PortRecord, duplicates, serving_first
from ibstack.mad.pipeline import NotKnown, Request, Route
from ibstack.mad.same_node import Found, Meeting, differ, is_one_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ibstack.fabric.guid import Guid

_Value = TypeVar("_Value")
_TWIN_SWITCHES: Final = 16
"""How many switches with another one's GUID are followed: more are no accident."""


class Walk:
    """One walk: `start()`, then `more()` until it returns none, then `finish()`.

    The rest of the requests follow from the answers; those of one round are all settled before
    more() is called.
    """

    def __init__(self) -> None:
        # An adapter is met once for each of its cabled ports, a switch once for each way to it.
        self._found: dict[Guid, list[Found]] = {}
        self._met_again: list[Meeting] = []
        self._doubtful: list[Found] = []
        self._twin_switches = 0
        self._problems: list[str] = []
        self._silent: set[tuple[int, ...]] = set()

    def start(self) -> list[Request]:
        return [self._visit((), None, 0)]

    def more(self) -> list[Request]:
        """Return what is to be asked of nodes whose GUID was met before, at another place."""
        requests: list[Request] = []
        # Several ways may lead to a second switch: it is looked at by one of them first.
        under_way = {found.info.port_guid for found in self._doubtful}
        for found in _drained(self._doubtful):
            requests += self._settle_doubt(found)
        for meeting in _drained(self._met_again):
            if any(is_one_node(known, meeting) for known in self._of(meeting)):
                continue
            if meeting.info.port_guid in under_way:
                self._met_again.append(meeting)
                continue
            if meeting.info.node_type is NodeType.SWITCH:
                under_way.add(meeting.info.port_guid)
            requests += self._suspect(meeting)
        return requests

    def finish(self) -> FabricMap:
        """Return the map, once all requests are settled."""
        nodes = [node for same in self._found.values() for node in same]
        records = [serving_first(_ends(same)) for same in self._found.values()]
        external = [record for node in nodes for record in _externals(node)]
        return FabricMap(
            {ends[0].guid: ends[0] for ends in records if ends},
            tuple(external),
            tuple(self._problems),
            len(self._silent),
            tuple(twin for ends in records for twin in ends[1:]),
            duplicates(records),
        )

    def _of(self, meeting: Meeting) -> list[Found]:
        return self._found.setdefault(meeting.info.port_guid, [])

    def _visit(self, route: tuple[int, ...], origin: Found | None, number: int) -> Request:
        def met(outcome: bytes | NotKnown) -> Iterator[Request]:
            info = decoded(outcome, datagrams.decode_node_info, f"{Route(route)}: ")
            if isinstance(info, NotKnown):
                self._problems.append(f"cannot read the node at {info.why}")
                self._silent.add(route)
                return
            meeting = Meeting(route, info, origin, number)
            if origin is not None:
                origin.links[number] = meeting
            if self._of(meeting):
                self._met_again.append(meeting)
            else:
                yield from self._explore(self._note(meeting))

        return Request(Route(route), Attribute.NODE_INFO, 0, met)

    def _note(self, meeting: Meeting) -> Found:
        found = Found(meeting)
        self._of(meeting).append(found)
        return found

    def _suspect(self, meeting: Meeting) -> Iterator[Request]:
        """Look at a node that cannot be the one with its GUID that was met first.

        An adapter's port has one cable, so two places are two ports.  A switch may have lost a link
        while we walked: it is asked who it is before its ports are taken for another one's.
        """
        if meeting.info.node_type is not NodeType.SWITCH:
            yield from self._explore(self._note(meeting))
            return
        found = Found(meeting)
        self._doubtful.append(found)
        yield self._describe(found)
        yield self._ask_port(found, 0)

    def _settle_doubt(self, found: Found) -> Iterator[Request]:
        first = self._of(found.met)[0]
        if not differ(first, found):
            self._problems.append(
                f"cannot tell whether the switches at {Route(first.route)} and at"
                f" {Route(found.route)} are one: both have GUID {first.info.port_guid}, and what"
                " else they say of themselves is the same"
            )
        elif self._twin_switches == _TWIN_SWITCHES:
            self._problems.append(
                f"cannot follow every switch that has another one's GUID: {_TWIN_SWITCHES} were,"
                f" and not the one at {Route(found.route)}"
            )
        else:
            self._twin_switches += 1
            self._of(found.met).append(found)
            yield from self._explore(found)

    def _explore(self, found: Found) -> Iterator[Request]:
        def note_switch(switch: SwitchInfo) -> Iterator[Request]:
            found.switch = switch
            yield from ()

        yield self._describe(found)
        if found.is_switch:
            yield self._ask(
                found, Attribute.SWITCH_INFO, 0, datagrams.decode_switch_info, note_switch
            )
            numbers = range(found.info.ports + 1)
        else:
            numbers = range(found.info.local_port, found.info.local_port + 1)
        for number in numbers:
            yield self._ask_port(found, number)

    def _describe(self, found: Found) -> Request:
        def describe(text: str) -> Iterator[Request]:
            found.description = text
            yield from ()

        decode = datagrams.decode_node_description
        return self._ask(found, Attribute.NODE_DESCRIPTION, 0, decode, describe)

    def _ask_port(self, found: Found, number: int) -> Request:
        def take(port: PortInfo) -> Iterator[Request]:
            found.ports[number] = port
            # Of adapters only our own leads on, and of a switch no port 0.
            leads_on = number != 0 if found.is_switch else not found.route
            if port.link_up and leads_on and len(found.route) < MOST_HOPS:
                yield self._visit((*found.route, number), found, number)

        return self._ask(found, Attribute.PORT_INFO, number, datagrams.decode_port_info, take)

    def _ask(
        self,
        found: Found,
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


def _drained(waiting: list[_Value]) -> list[_Value]:
    taken = waiting.copy()
    waiting.clear()
    return taken


def _ends(nodes: list[Found]) -> list[PortRecord]:
    return [record for node in nodes if (record := _end(node, twins=len(nodes) > 1))]


def _end(node: Found, *, twins: bool) -> PortRecord | None:
    number = 0 if node.is_switch else node.info.local_port
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
        multicast_cap=node.switch.multicast_cap if node.is_switch and node.switch else None,
        cabled_to=None if node.is_switch else node.cabled_to,
        shares_guid=twins,
    )


def _externals(node: Found) -> Iterator[PortRecord]:
    if not node.is_switch or node.switch is None:
        return
    for number, port in sorted(node.ports.items()):
        if number == 0 or not port.link_up:
            continue
        link = node.links.get(number)
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
            peer=link.info.port_guid if link else None,
            mtu_bytes=port.mtu_bytes,
        )


def decoded(
    outcome: bytes | NotKnown, decode: Callable[[bytes], _Value], where: str = ""
) -> _Value | NotKnown:
    """Return what *decode* makes of the data; NotKnown for no data, and for nonsense.

    *where* goes before what is said of nonsense.
    """
    if isinstance(outcome, NotKnown):
        return outcome
    try:
        return decode(outcome)
    except MalformedDatagram as error:
        return NotKnown(f"{where}{error}")
