# SPDX-License-Identifier: Apache-2.0
"""A walk over nodes of which some do not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.mad.datagrams import DATA_LENGTH, Attribute, NodeType
from ibstack.mad.discovery import Walk
from ibstack.mad.pipeline import NotKnown, Request, Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.mad import FabricMap

_PORTS: Final = 3
_LINK_UP, _ACTIVE = 5 << 4, 4
SILENT: Final = NotKnown("no answer")


def node_info(number: int, kind: NodeType) -> bytes:
    data = bytearray(DATA_LENGTH)
    data[2:4] = bytes([kind.value, _PORTS if kind is NodeType.SWITCH else 1])
    data[12:20] = data[20:28] = number.to_bytes(8, "big")
    data[36] = 1
    return bytes(data)


def port_info() -> bytes:
    data = bytearray(DATA_LENGTH)
    data[32:34] = bytes([_ACTIVE, _LINK_UP])
    return bytes(data)


def answer(request: Request) -> bytes | NotKnown:
    """Answer for a host, the switch behind it, and a host at each further port of that."""
    assert isinstance(request.way, Route)
    hops = request.way.ports
    if request.attribute is Attribute.NODE_INFO:
        kind = NodeType.SWITCH if len(hops) == 1 else NodeType.CHANNEL_ADAPTER
        return node_info(0x11 if not hops or hops == (1, 1) else 0x20 + sum(hops), kind)
    return port_info() if request.attribute is Attribute.PORT_INFO else bytes(DATA_LENGTH)


def walked(silent: Callable[[tuple[int, ...], Attribute], bool]) -> FabricMap:
    walk = Walk()
    requests = walk.start()
    while requests:
        request = requests.pop()
        assert isinstance(request.way, Route)
        outcome = SILENT if silent(request.way.ports, request.attribute) else answer(request)
        requests += request.then(outcome)
    assert walk.more() == []
    return walk.finish()


def test_where_all_answer_the_map_is_whole() -> None:
    found = walked(lambda hops, attribute: False)

    assert (found.problems, found.silent_nodes) == ((), 0)
    assert len(found.ports) == 4


def test_a_node_that_leaves_several_questions_open_is_one_silent_node() -> None:
    found = walked(lambda hops, attribute: len(hops) == 1 and attribute is Attribute.PORT_INFO)

    assert len(found.problems) == _PORTS + 1
    assert found.silent_nodes == 1


def test_each_node_that_says_nothing_at_all_counts() -> None:
    found = walked(lambda hops, attribute: len(hops) == 2 and hops[1] > 1)

    assert len(found.problems) == found.silent_nodes == 2
