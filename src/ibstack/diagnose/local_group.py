# SPDX-License-Identifier: Apache-2.0
"""The IPoIB broadcast group of a partition, as a member of it is told.

OpenSM tells of a group only those that share its partition: who is no member is told that there is
none, so that answer counts from a member alone (seen on OpenSM 3.3.23 under ibsim;
tests/e2e/test_explained_faults.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.diagnose.broadcast_group import has_group
from ibstack.diagnose.host_facts import GroupFacts
from ibstack.fabric.errors import TryLater
from ibstack.fabric.partition import PartitionKey
from ibstack.mad import CannotReadFabric, NotKnown, Route
from ibstack.mad.datagrams import ENTRIES_OF_A_BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from ibstack.diagnose.host_facts import Question
    from ibstack.diagnose.mapped_ports import MappedPort
    from ibstack.mad import DatagramPort, FabricReader


@dataclass(frozen=True, slots=True)
class GroupSource:
    """Ways to the fabric from this host's own ports."""

    host: str
    mapped: Callable[[str], Sequence[MappedPort]]
    """Those of a physical network, as sysfs shows them; none where it does not."""
    open_reader: Callable[[], AbstractContextManager[FabricReader]]
    """Any port, where none of these is known: right on a host that has one fabric."""
    open_administration: Callable[[str | None, int | None], AbstractContextManager[DatagramPort]]
    """A port of a device for datagrams to subnet administration, or any port."""


def read(source: GroupSource, question: Question) -> GroupFacts:
    """Ask for the group of the question's partition; CannotReadFabric: there is no port here."""
    key = PartitionKey(question.group or 0)
    ports = source.mapped(question.physical_network or "")
    if ports:
        return _by_sysfs(source, ports, key)
    with source.open_reader() as reader:
        own = reader.port
        if isinstance(own, NotKnown):
            return GroupFacts(source.host, None, f"its port does not answer: {own.why}")
        if not own.sm_lid:
            return _unconfigured(source)
        member = _is_member(reader, key)
    if isinstance(member, NotKnown):
        return GroupFacts(source.host, None, f"the table of its port is not known: {member.why}")
    if not member:
        return _no_member(source, key)
    return _ask(source, None, None, own.sm_lid, key)


def _by_sysfs(source: GroupSource, ports: Sequence[MappedPort], key: PartitionKey) -> GroupFacts:
    """Ask through a port of the right fabric: a host may have several, and their M_Keys."""
    members = [port for port in ports if key in port.keys]
    if not members:
        return _no_member(source, key)
    port = next((port for port in members if port.sm_lid), None)
    if port is None:
        return _unconfigured(source)
    return _ask(source, port.device, port.number, port.sm_lid, key)


def _ask(
    source: GroupSource, device: str | None, number: int | None, sm_lid: int, key: PartitionKey
) -> GroupFacts:
    try:
        with source.open_administration(device, number) as port:
            return GroupFacts(source.host, has_group(port, sm_lid, key))
    except (TryLater, CannotReadFabric) as error:
        return GroupFacts(source.host, None, str(error))


def _unconfigured(source: GroupSource) -> GroupFacts:
    return GroupFacts(source.host, None, "no subnet manager has configured its port")


def _no_member(source: GroupSource, key: PartitionKey) -> GroupFacts:
    return GroupFacts(source.host, None, f"{source.host} is no member of {key}")


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
