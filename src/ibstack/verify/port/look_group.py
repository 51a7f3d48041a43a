# SPDX-License-Identifier: Apache-2.0
"""Looking, from a member of a partition, at its IPoIB broadcast group.

OpenSM tells of a group only those that share its partition: who is no member is told that there is
none, so that answer counts from a member alone (seen on OpenSM 3.3.23 under ibsim;
tests/e2e/test_explained_faults.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.fabric.errors import TryLater
from ibstack.fabric.partition import PartitionKey
from ibstack.mad import CannotReadFabric, NotKnown, Route
from ibstack.mad.datagrams import ENTRIES_OF_A_BLOCK
from ibstack.verify.port.broadcast_group import has_group
from ibstack.verify.port.place_facts import GroupFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from ibstack.mad import DatagramPort, FabricReader
    from ibstack.verify.port.mapped_ports import MappedPort
    from ibstack.verify.port.place_facts import Question


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """Ways to the fabric from this host's own ports."""

    host: str
    mapped: Callable[[str], Sequence[MappedPort]]
    """Those of a physical network, as sysfs shows them; none where it does not."""
    open_reader: Callable[[], AbstractContextManager[FabricReader]]
    """Any port, where none of these is known: right on a host that has one fabric."""
    open_administration: Callable[[str | None, int | None], AbstractContextManager[DatagramPort]]
    """A port of a device for datagrams to subnet administration, or any port."""


def look(place: GroupPlace, question: Question) -> GroupFacts:
    """Look for the group of the question's partition; CannotReadFabric: there is no port here."""
    key = PartitionKey(question.group or 0)
    ports = place.mapped(question.physical_network or "")
    if ports:
        return _by_sysfs(place, ports, key)
    with place.open_reader() as reader:
        own = reader.port
        if isinstance(own, NotKnown):
            return GroupFacts(place.host, None, f"its port does not answer: {own.why}")
        if not own.sm_lid:
            return _unconfigured(place)
        member = _is_member(reader, key)
    if isinstance(member, NotKnown):
        return GroupFacts(place.host, None, f"the table of its port is not known: {member.why}")
    if not member:
        return _no_member(place, key)
    return _ask(place, None, None, own.sm_lid, key)


def _by_sysfs(place: GroupPlace, ports: Sequence[MappedPort], key: PartitionKey) -> GroupFacts:
    """Ask through a port of the right fabric: a host may have several, and their M_Keys."""
    members = [port for port in ports if key in port.keys]
    if not members:
        return _no_member(place, key)
    port = next((port for port in members if port.sm_lid), None)
    if port is None:
        return _unconfigured(place)
    return _ask(place, port.device, port.number, port.sm_lid, key)


def _ask(
    place: GroupPlace, device: str | None, number: int | None, sm_lid: int, key: PartitionKey
) -> GroupFacts:
    try:
        with place.open_administration(device, number) as port:
            return GroupFacts(place.host, has_group(port, sm_lid, key))
    except (TryLater, CannotReadFabric) as error:
        return GroupFacts(place.host, None, str(error))


def _unconfigured(place: GroupPlace) -> GroupFacts:
    return GroupFacts(place.host, None, "no subnet manager has configured its port")


def _no_member(place: GroupPlace, key: PartitionKey) -> GroupFacts:
    return GroupFacts(place.host, None, f"{place.host} is no member of {key}")


def _is_member(reader: FabricReader, key: PartitionKey) -> bool | NotKnown:
    node = reader.node
    if isinstance(node, NotKnown):
        return node
    unread = None
    for block in range(-(-node.partition_cap // ENTRIES_OF_A_BLOCK)):
        entries = reader.read_block(Route(()), block)
        if isinstance(entries, NotKnown):
            unread = entries
        elif key in {e.partition for e in entries if e}:
            return True
    return unread or False
