# SPDX-License-Identifier: Apache-2.0
"""The partitions files of a fabric's subnet managers, as statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_PARTITION, Membership
from ibstack.subnet_manager.partitions_grammar import Keyword, PartitionsFileFaults, parse
from ibstack.verify.evidence import Unread, shown
from ibstack.verify.opensm_files import partitions, partitions_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.subnet_manager.partitions_grammar import Standing, Statement
    from ibstack.verify.check import Seen
    from ibstack.verify.evidence import Evidence


def place(host: Evidence) -> str:
    """Return the path of the host's partitions file."""
    return shown(partitions_name(host))


def unknown(host: Evidence, unread: Unread) -> Seen:
    """Say that nothing is known, for want of the partitions file."""
    return host.unknown(partitions_name(host), unread)


def statements(host: Evidence) -> tuple[Statement, ...] | Unread:
    """Return what the host's file says; Unread where it has none, or not one that can be read."""
    text = partitions(host)
    if isinstance(text, Unread):
        return text
    try:
        return parse(text.encode(), place(host))
    except PartitionsFileFaults as error:
        return Unread(str(error.faults[0]))


def default_of_all(said: Iterable[Statement]) -> Standing | None:
    """Return how every port is a member of the default partition; None: not at all."""
    found = None
    for statement in said:
        for member in statement.members:
            if statement.key == DEFAULT_PARTITION and member.who in (Keyword.ALL, Keyword.ALL_CAS):
                found = member.standing
    return found


def full_in_default(said: Iterable[Statement]) -> frozenset[Guid]:
    """Return the port GUIDs that are listed as full members of the default partition."""
    found: dict[Guid, Membership] = {}
    for statement in said:
        for member in statement.members:
            if statement.key == DEFAULT_PARTITION and isinstance(member.who, Guid):
                found[member.who] = member.standing.membership
    return frozenset(guid for guid, how in found.items() if how is Membership.FULL)
