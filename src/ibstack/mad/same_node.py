# SPDX-License-Identifier: Apache-2.0
"""A GUID that a walk meets again: the same node by another way, or another node.  Pure.

GUIDs are to be unique (IBTA vol 1, 4.1) and are not always: adapters that were flashed from one
image, or a VF's GUID that was given twice.  What tells two nodes apart is where their cables end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ibstack.mad.datagrams import NodeType

if TYPE_CHECKING:
    from ibstack.fabric.guid import Guid
    from ibstack.mad.datagrams import NodeInfo, PortInfo, SwitchInfo


@dataclass(frozen=True, slots=True)
class Meeting:
    """A node, as it answered at the end of one route."""

    route: tuple[int, ...]
    info: NodeInfo
    origin: Found | None
    """The node before it on the route; None: it is the port that the walk began at."""
    number: int
    """Of the port of *origin* that leads to it."""


@dataclass(slots=True, eq=False)
class Found:
    """A node as it becomes known."""

    met: Meeting
    """Where it was met first."""
    description: str | None = None
    switch: SwitchInfo | None = None
    ports: dict[int, PortInfo] = field(default_factory=dict)
    links: dict[int, Meeting] = field(default_factory=dict)
    """What answered at the other end of each of its cables that was followed, by its port."""

    @property
    def info(self) -> NodeInfo:
        return self.met.info

    @property
    def route(self) -> tuple[int, ...]:
        return self.met.route

    @property
    def is_switch(self) -> bool:
        return self.info.node_type is NodeType.SWITCH

    @property
    def cabled_to(self) -> tuple[Guid, int] | None:
        """Return the switch, and the port of it, at the other end of an adapter's cable."""
        if self.met.origin is not None:
            other, number = self.met.origin.info, self.met.number
        elif self.info.local_port in self.links:
            other = self.links[self.info.local_port].info
            number = other.local_port
        else:
            return None
        return (other.port_guid, number) if other.node_type is NodeType.SWITCH else None


def is_one_node(known: Found, meeting: Meeting) -> bool:
    """Tell whether *meeting*, of a node with the GUID of *known*, may be with *known* itself.

    It came in by some port of the node: of the same node, the cable of that port leads back to
    where we came from.  Where that cable did not answer nothing speaks for a second node.
    """
    if meeting.origin is None or _kind(known.info) != _kind(meeting.info):
        return False
    if known.route and not known.is_switch:
        return False  # An adapter's port has one cable, and we came by it already.
    entry = meeting.info.local_port
    back = known.links.get(entry)
    if back is None:
        port = known.ports.get(entry)
        return port is None or port.link_up
    came_by = meeting.origin.info.port_guid, meeting.number
    return (back.info.port_guid, back.info.local_port) == came_by


def differ(one: Found, other: Found) -> bool:
    """Tell whether what two switches say of themselves proves that they are two."""
    if _kind(one.info) != _kind(other.info):
        return True
    if None not in (one.description, other.description) and one.description != other.description:
        return True
    return 0 in one.ports and 0 in other.ports and one.ports[0].lid != other.ports[0].lid


def _kind(info: NodeInfo) -> tuple[object, ...]:
    """Return what stays the same of a node, whichever way it is met."""
    return info.node_type, info.ports, info.node_guid, info.partition_cap
