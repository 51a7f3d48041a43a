# SPDX-License-Identifier: Apache-2.0
"""What a walk shows of a fabric: its ports, and the GUIDs that several nodes have.  Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.mad.datagrams import NodeType, PortState
from ibstack.mad.pipeline import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ibstack.fabric.guid import Guid


@dataclass(frozen=True, slots=True)
class PortRecord:
    """One end port: an adapter's, or a switch's port 0; or a switch's external port."""

    guid: Guid
    """Of the port; of a switch's external port, which has none, the switch's."""
    node_guid: Guid | None
    """None: it is zero, as of a VF of mlx5 that nobody has given one."""
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
    cabled_to: tuple[Guid, int] | None = None
    """Of an adapter's port: the switch, and the port of it, at the other end of the cable."""
    shares_guid: bool = False
    """Another port has its GUID too: its LID may be that one's, so only its route leads to it."""

    @property
    def place(self) -> str:
        """Say which node this is and where, for a person who is to find it."""
        name = f"{self.description} " if self.description else ""
        if self.cabled_to is None:
            return f"{name}at {Route(self.route)}"
        switch, number = self.cabled_to
        return f"{name}at port {number} of switch {switch}"


class GuidOf(enum.Enum):
    """What a GUID is to name."""

    PORT = "port"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One GUID that several nodes have."""

    of: GuidOf
    guid: Guid
    ports: tuple[PortRecord, ...]
    """An end port of each; of ports, the first is the one that serves."""


@dataclass(frozen=True, slots=True)
class FabricMap:
    """Every port that answered, and what did not."""

    ports: dict[Guid, PortRecord]
    """The end ports, by port GUID; of several with one GUID, the one that serves: an ACTIVE one."""
    switch_ports: tuple[PortRecord, ...]
    """External ports of switches that have a link."""
    problems: tuple[str, ...]
    """What could not be read; empty: the map is whole."""
    silent_nodes: int = 0
    """How many nodes did not answer, or not everything that they were asked."""
    twins: tuple[PortRecord, ...] = ()
    """Further end ports, with the GUID of one that is among *ports*."""
    duplicates: tuple[Duplicate, ...] = ()
    """Every GUID that several nodes have."""

    @property
    def ends(self) -> tuple[PortRecord, ...]:
        """Every end port, those with one GUID each by itself."""
        return (*self.ports.values(), *self.twins)


def duplicates(ends: Sequence[Sequence[PortRecord]]) -> tuple[Duplicate, ...]:
    """Return every GUID that several nodes have; *ends*: the end ports, by port GUID.

    Nodes that share both GUIDs are named once, by that of their ports.
    """
    found = [Duplicate(GuidOf.PORT, each[0].guid, tuple(each)) for each in ends if len(each) > 1]
    named = {frozenset(each.ports) for each in found}
    return (*found, *(each for each in _of_nodes(ends) if frozenset(each.ports) not in named))


def _of_nodes(ends: Iterable[Iterable[PortRecord]]) -> Iterator[Duplicate]:
    nodes: dict[Guid, list[PortRecord]] = {}
    for port in (port for same in ends for port in same):
        if port.node_guid is not None:
            nodes.setdefault(port.node_guid, []).append(port)
    for guid, ports in nodes.items():
        if len(ports) > 1 and not _may_be_one_adapter(ports):
            yield Duplicate(GuidOf.NODE, guid, tuple(sorted(ports, key=lambda port: port.place)))


def _may_be_one_adapter(ports: Sequence[PortRecord]) -> bool:
    """Tell whether these can be the ports of one adapter, which has one node GUID and one text.

    Two adapters of which one is cabled by its port 1 and the other by its port 2, and that say the
    same of themselves, cannot be told from one.
    """
    numbers = {port.number for port in ports}
    said = {port.description for port in ports if port.description is not None}
    is_end = all(port.node_type is not NodeType.SWITCH for port in ports)
    return is_end and len(numbers) == len(ports) and len(said) < 2 and _one_type(ports)


def _one_type(ports: Iterable[PortRecord]) -> bool:
    return len({port.node_type for port in ports}) == 1


def serving_first(ends: Iterable[PortRecord]) -> list[PortRecord]:
    """Return ports with one GUID, first the one that OpenSM serves.

    It gives a LID and keys to the one that it finds first and leaves the other in INITIALIZE (ERR
    0D15; seen on OpenSM 3.3.23, tests/real/test_duplicate_guids.py).
    """
    # By their places in the end: two walks are to tell the same.
    return sorted(
        ends, key=lambda end: (end.state is not PortState.ACTIVE, end.lid == 0, end.place)
    )
