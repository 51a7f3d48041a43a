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
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from ibstack.mad import DatagramPort, FabricReader


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """Ways to the fabric from this host's own port."""

    host: str
    open_reader: Callable[[], AbstractContextManager[FabricReader]]
    open_administration: Callable[[], AbstractContextManager[DatagramPort]]
    """A port for datagrams to subnet administration; opened when the reader is closed."""


def look(place: GroupPlace, base: int) -> GroupFacts:
    """Look for the group of partition *base*; CannotReadFabric where there is no port here."""
    key = PartitionKey(base)
    with place.open_reader() as reader:
        own = reader.port
        if isinstance(own, NotKnown) or not own.sm_lid:
            return GroupFacts(place.host, None, "no subnet manager has configured its port")
        if not _is_member(reader, key):
            return GroupFacts(place.host, None, f"{place.host} is no member of {key}")
    try:
        with place.open_administration() as port:
            return GroupFacts(place.host, has_group(port, own.sm_lid, key))
    except (TryLater, CannotReadFabric) as error:
        return GroupFacts(place.host, None, str(error))


def _is_member(reader: FabricReader, key: PartitionKey) -> bool:
    node = reader.node
    if isinstance(node, NotKnown):
        return False
    for block in range(-(-node.partition_cap // ENTRIES_OF_A_BLOCK)):
        entries = reader.read_block(Route(()), block)
        if not isinstance(entries, NotKnown) and key in {e.partition for e in entries if e}:
            return True
    return False
