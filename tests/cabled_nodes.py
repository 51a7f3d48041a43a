# SPDX-License-Identifier: Apache-2.0
"""A fabric in memory that answers directed routes as cables lead: for what ibsim cannot be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ibstack.mad.datagrams import DATA_LENGTH, Attribute, NodeType, PortState
from ibstack.mad.discovery import Walk
from ibstack.mad.pipeline import NotKnown, Request, Route

if TYPE_CHECKING:
    from ibstack.mad.fabric_map import FabricMap

_LINK_UP, _POLLING = 5 << 4, 2 << 4


@dataclass(eq=False)
class Node:
    """One node; *port_guids* of an adapter's ports, by number, or of a switch's port 0."""

    name: str
    kind: NodeType
    node_guid: int
    port_guids: dict[int, int]
    ports: int
    lid: int = 0
    state: PortState = PortState.ACTIVE
    cables: dict[int, tuple[Node, int]] = field(default_factory=dict)
    """By port: the node at the other end, and its port."""

    def connect(self, number: int, other: Node, other_number: int) -> None:
        self.cables[number] = (other, other_number)
        other.cables[other_number] = (self, number)


def adapter(name: str, guid: int, **more: object) -> Node:
    """Return an adapter with one port, whose GUID is its node's plus one."""
    return Node(name, NodeType.CHANNEL_ADAPTER, guid, {1: guid + 1}, 1, **more)  # type: ignore[arg-type]


def switch(name: str, guid: int, ports: int = 8, lid: int = 0) -> Node:
    return Node(name, NodeType.SWITCH, guid, {0: guid}, ports, lid)


class Cables:
    """Answers as a real fabric does that is looked at from port 1 of *origin*."""

    def __init__(self, origin: Node) -> None:
        self._origin = origin
        self.asked = 0

    def walk(self) -> FabricMap:
        walk = Walk()
        requests = walk.start()
        while requests:
            while requests:
                request = requests.pop()
                self.asked += 1
                requests += request.then(self._answer(request))
            requests = walk.more()
        return walk.finish()

    def _answer(self, request: Request) -> bytes | NotKnown:
        assert isinstance(request.way, Route)
        node, entry = self._origin, 1 if self._origin.kind is not NodeType.SWITCH else 0
        for number in request.way.ports:
            if number not in node.cables:
                return NotKnown(f"{request.way}: no answer, 3 tries")
            node, entry = node.cables[number]
        if request.attribute is Attribute.NODE_INFO:
            return _node_info(node, entry)
        if request.attribute is Attribute.NODE_DESCRIPTION:
            return node.name.encode().ljust(DATA_LENGTH, b"\0")
        if request.attribute is Attribute.PORT_INFO:
            return _port_info(node, request.modifier)
        return bytes(DATA_LENGTH)


def _node_info(node: Node, entry: int) -> bytes:
    data = bytearray(DATA_LENGTH)
    data[2:4] = bytes([node.kind.value, node.ports])
    data[12:20] = node.node_guid.to_bytes(8, "big")
    number = 0 if node.kind is NodeType.SWITCH else entry
    data[20:28] = node.port_guids[number].to_bytes(8, "big")
    data[28:30] = (64).to_bytes(2, "big")
    data[36] = entry
    return bytes(data)


def _port_info(node: Node, number: int) -> bytes:
    data = bytearray(DATA_LENGTH)
    up = number in node.cables or number == 0
    data[16:18] = (node.lid if node.kind is not NodeType.SWITCH or number == 0 else 0).to_bytes(2)
    data[32] = (node.state if up else PortState.DOWN).value
    data[33] = _LINK_UP if up else _POLLING
    return bytes(data)
