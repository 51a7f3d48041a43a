# SPDX-License-Identifier: Apache-2.0
"""The partitions files of a fabric's subnet managers, as OpenSM takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_PARTITION, Membership
from ibstack.facts.evidence import FABRICD_CONF, Missing, last, shown, words
from ibstack.facts.opensm_files import partitions, partitions_name
from ibstack.formats.partitions_conf.reading import read
from ibstack.formats.partitions_conf.statement import Keyword
from ibstack.verify import selectors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.facts.evidence import Evidence
    from ibstack.formats.partitions_conf.reading import Reading
    from ibstack.formats.partitions_conf.remark import Remark
    from ibstack.formats.partitions_conf.statement import MembershipFlag, Statement
    from ibstack.verify.check import Observation


def place(host: Evidence) -> str:
    """Return the path of the host's partitions file."""
    return shown(partitions_name(host))


def unknown(host: Evidence, unread: Missing) -> Observation:
    """Say that nothing is known, for want of the partitions file."""
    return selectors.unknown(host, partitions_name(host), unread)


def reading(host: Evidence) -> Reading | Missing:
    """Return what OpenSM makes of the host's file; Missing where there is none to read."""
    text = partitions(host)
    return text if isinstance(text, Missing) else read(text.encode())


def statements(host: Evidence) -> tuple[Statement, ...] | Missing:
    """Return what is in force by the host's file; Missing: nothing is, or it is not known."""
    found = reading(host)
    if isinstance(found, Missing):
        return found
    stops = found.refused or found.not_known
    return Missing(located(host, stops)) if stops else found.statements


def groups_made(host: Evidence) -> int | None:
    """Return how many multicast groups OpenSM makes of the host's file; None: not known.

    A group goes with its partition where that has no member.
    """
    found = reading(host)
    if isinstance(found, Missing) or found.refused or found.not_known:
        return None
    held = {each.key for each in found.statements if each.members} | {DEFAULT_PARTITION}
    return sum(group.key in held for group in found.groups.values())


def located(host: Evidence, remark: Remark) -> str:
    """Return a remark with the file and the line."""
    return f"{place(host)}:{remark.line}: {remark.what}"


def default_of_all(said: Iterable[Statement]) -> MembershipFlag | None:
    """Return how every adapter is a member of the default partition; None: nothing is said."""
    found = None
    for statement in said:
        for member in statement.members:
            if statement.key == DEFAULT_PARTITION and member.who in (Keyword.ALL, Keyword.ALL_CAS):
                found = member.membership_flag
    return found


def full_in_default(said: Iterable[Statement]) -> frozenset[Guid]:
    """Return the port GUIDs that are listed as full members of the default partition.

    A later word counts, and so does one on all ports.
    """
    found: dict[Guid, Membership] = {}
    for statement in said:
        for member in statement.members if statement.key == DEFAULT_PARTITION else ():
            if isinstance(member.who, Guid):
                found[member.who] = member.membership_flag.membership
            elif member.who in (Keyword.ALL, Keyword.ALL_CAS):
                found = dict.fromkeys(found, member.membership_flag.membership)
    return frozenset(guid for guid, how in found.items() if how is Membership.FULL)


def listed_full(host: Evidence) -> frozenset[Guid]:
    """Return who may be a full member of the default partition, by the host's files."""
    said, keys = statements(host), host.ini(FABRICD_CONF)
    found = frozenset() if isinstance(said, Missing) else full_in_default(said)
    if isinstance(keys, Missing):
        return found
    members = words(last(keys, "fabric", "full_default_members"))
    try:
        return found | {Guid.parse(guid) for guid in members}
    except BadValue:
        return found  # ibstack-fabricd refuses such a file.
