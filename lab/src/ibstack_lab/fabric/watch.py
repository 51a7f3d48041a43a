# SPDX-License-Identifier: Apache-2.0
"""Watching HCA ports from the switch: their state and the tables that OpenSM wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.mad import NotKnown, PortState, Route
from ibstack.mad.datagrams import Attribute, decode_pkey_block, decode_port_info, pkey_modifier
from ibstack.mad.pipeline import Pipeline, Request
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.netfile import SWITCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ibstack.fabric.partition import TableEntry
    from ibstack_lab.fabric.simulated import Fabric

# ibsim gives each HCA port 64 entries.
_BLOCKS: Final = 2


@dataclass(slots=True)
class WatchedPort:
    """One port, as it is now.  A table is read only while the port has a link."""

    state: PortState = PortState.DOWN
    table: tuple[TableEntry | None, ...] | None = None
    """None: not known."""


class Watch:
    """A line to ibsim at the switch, so that no host's cable is in the way."""

    def __init__(self, fabric: Fabric) -> None:
        self._attachment = Attachment(fabric, SWITCH)
        self._pipeline = Pipeline(self._attachment, m_key=0, timeout_s=0.2, tries=2)
        self._fabric = fabric

    def read(self, nodes: Iterable[str]) -> dict[str, WatchedPort]:
        """Return the port of each of *nodes*."""
        ports = {node: WatchedPort() for node in nodes}
        blocks: dict[str, dict[int, tuple[TableEntry | None, ...]]] = {n: {} for n in ports}
        requests: list[Request] = []
        for node, port in ports.items():
            way = Route(self._fabric.route_from_switch(node))
            requests.append(Request(way, Attribute.PORT_INFO, 0, _state_taker(port)))
            requests += [
                Request(way, Attribute.PKEY_TABLE, pkey_modifier(n), _block_taker(blocks[node], n))
                for n in range(_BLOCKS)
            ]
        self._pipeline.run(requests)
        for node, port in ports.items():
            if len(blocks[node]) == _BLOCKS:
                port.table = tuple(entry for n in range(_BLOCKS) for entry in blocks[node][n])
        return ports

    def close(self) -> None:
        self._attachment.close()


def _state_taker(port: WatchedPort) -> Callable[[bytes | NotKnown], tuple[()]]:
    def take(outcome: bytes | NotKnown) -> tuple[()]:
        if not isinstance(outcome, NotKnown):
            port.state = decode_port_info(outcome).state
        return ()

    return take


def _block_taker(
    blocks: dict[int, tuple[TableEntry | None, ...]], number: int
) -> Callable[[bytes | NotKnown], tuple[()]]:
    def take(outcome: bytes | NotKnown) -> tuple[()]:
        if not isinstance(outcome, NotKnown):
            blocks[number] = decode_pkey_block(outcome)
        return ()

    return take
