# SPDX-License-Identifier: Apache-2.0
"""Where the ports of known hosts were on the fabric, held against where a walk meets them.  Pure.

A report is a host's own word; a walk shows which node has a GUID, and at which switch port.  A
cable may be moved, and then the node is the same; another node with the GUID is another adapter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.subnet_manager.policy.known_ports import KnownPorts, PortPlace


class PortPlaces:
    """The place of each known port when it became known."""

    def __init__(self, places: Mapping[Guid, PortPlace]) -> None:
        self.places = dict(places)
        self.doubts: Mapping[Guid, str] = {}
        """Why a known port may be another adapter's, by the walk that was compared last."""
        self.moves: Mapping[Guid, str] = {}
        """Which known ports have the same node elsewhere, and where they were."""

    def compare(self, hosts: Iterable[Iterable[Guid]], seen: KnownPorts) -> bool:
        """Hold what *seen* shows against what is remembered of the ports of *hosts*.

        A place that was not known is learnt; returns whether any was.
        """
        learnt = {
            guid: seen.places[guid]
            for ports in hosts
            for guid in ports
            if guid not in self.places and guid in seen.places and guid not in seen.doubled
        }
        self.places |= learnt
        self.doubts = {
            guid: why for guid in self.places if (why := self._doubt(guid, seen)) is not None
        }
        self.moves = {
            guid: f"is at {seen.places[guid]} and was at {place}"
            for guid, place in self.places.items()
            if guid not in self.doubts and guid in seen.places
            if not place.same_cable(seen.places[guid])
        }
        return bool(learnt)

    def forget(self, guids: Iterable[Guid]) -> None:
        """Take the next places that are met for those of *guids*."""
        for guid in guids:
            self.places.pop(guid, None)

    def _doubt(self, guid: Guid, seen: KnownPorts) -> str | None:
        if guid in seen.doubled:
            return "is at several places on the fabric"
        place, before = seen.places.get(guid), self.places[guid]
        if place is None or place.same_node(before):
            return None
        return f"is of node {place.node} at {place}, and was of node {before.node} at {before}"


def owners_of_nodes(
    told: Mapping[str, Iterable[Guid]], known: Mapping[str, Iterable[Guid]], seen: KnownPorts
) -> dict[Guid, str | None]:
    """Return the host that has each adapter, by its node GUID: as it is *known*, else as *told*.

    None where several hosts tell it.  *told* and *known*: port GUIDs by host.
    """
    found: dict[Guid, str | None] = {}
    for host, node in _nodes(told, seen):
        found[node] = host if found.get(node, host) == host else None
    return {**found, **{node: host for host, node in _nodes(known, seen)}}


def _nodes(hosts: Mapping[str, Iterable[Guid]], seen: KnownPorts) -> Iterator[tuple[str, Guid]]:
    for host, guids in hosts.items():
        for guid in guids:
            place = seen.places.get(guid)
            if place is not None and place.node is not None:
                yield host, place.node


def is_contested(guid: Guid, seen: KnownPorts, nodes: Mapping[Guid, str | None]) -> bool:
    """Tell whether several adapters have *guid*, or several hosts report the adapter that has it.

    Which of them is right may show later, so nothing is to be concluded now.
    """
    place = seen.places.get(guid)
    node = None if place is None else place.node
    return guid in seen.doubled or (node is not None and nodes.get(node, "") is None)


def why_not_new(
    guid: Guid,
    host: str,
    seen: KnownPorts,
    nodes: Mapping[Guid, str | None],
    hosts: Collection[str],
) -> str | None:
    """Say why *guid* cannot be taken for a port of *host*, which was not known to have it.

    *nodes*: from owners_of_nodes(); *hosts*: the names of all that are known.
    """
    if guid in seen.switches:
        return "is a switch's"
    if guid in seen.doubled:
        return "is at several places on the fabric"
    place = seen.places.get(guid)
    if place is None:
        return None
    owner = host if place.node is None else nodes.get(place.node, host)
    if owner is None:
        return "is a port of an adapter that several hosts report"
    if owner != host:
        return f"is a port of an adapter of host {owner!r}"
    if seen.names_host(guid, host):
        return None
    other = next((each for each in hosts if each != host and seen.names_host(guid, each)), None)
    return None if other is None else f"is of a node that says that it is host {other!r}'s"
