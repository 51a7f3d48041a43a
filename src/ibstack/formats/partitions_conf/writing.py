# SPDX-License-Identifier: Apache-2.0
"""Statements of partitions.conf as ibstack writes them: the one spelling of all that writes any.

OpenSM merges statements that repeat a key, so a partition is as many short lines as it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import DEFAULT_PARTITION, Membership
from ibstack.formats.partitions_conf.statement import Keyword, Listed, MembershipFlag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PartitionKey

MEMBERS_TO_A_LINE: Final = 64
"""OpenSM cuts lines of more than 4,094 bytes, in the middle of a GUID if need be."""
_FULL: Final = Membership.FULL


def default_members(others: MembershipFlag = MembershipFlag.LIMITED) -> tuple[Listed, ...]:
    """Return who every default partition lists: all ports as *others* says, and who serves them.

    Limited members of it do not meet one another there, whichever tenants they are of.
    """
    return (
        Listed(Keyword.ALL, others),
        Listed(Keyword.ALL_SWITCHES, MembershipFlag.FULL),
        Listed(Keyword.SELF, MembershipFlag.FULL),
    )


def default_partition(
    full: Iterable[Guid],
    *,
    others: MembershipFlag = MembershipFlag.LIMITED,
    flags: Sequence[str] = (),
) -> Iterator[str]:
    """Yield the lines of the default partition, with further full members.

    Without indx0 OpenSM leaves the first entry empty, and that is where ib0 looks.
    """
    members = [*map(str, default_members(others)), *(f"{guid}=full" for guid in sorted(full))]
    return _lines("Default", DEFAULT_PARTITION, (*flags, "indx0"), members)


def partition(key: PartitionKey, members: Mapping[Guid, Membership], *flags: str) -> Iterator[str]:
    """Yield the lines of a partition with members by GUID; none for a partition without members."""
    # Sorted as text: 16 digits each, so that is the order of numbers, and much faster.
    listed = sorted(
        f"0x{guid.value:016x}=full" if membership is _FULL else f"0x{guid.value:016x}=limited"
        for guid, membership in members.items()
    )
    return _lines(name_of(key), key, flags, listed)


def partition_of(key: PartitionKey, member: Listed, *flags: str) -> str:
    """Return the line of a partition with one member, such as SELF or all that are no switches."""
    return "".join(_lines(name_of(key), key, flags, [str(member)]))


def name_of(key: PartitionKey) -> str:
    """Return a partition's name: one that nothing from outside can shape."""
    return f"n{key.base:04x}"


def _lines(
    name: str, key: PartitionKey, flags: Sequence[str], members: Sequence[str]
) -> Iterator[str]:
    head = ",".join((f"{name}={key}", *flags))
    for start in range(0, len(members), MEMBERS_TO_A_LINE):
        yield f"{head}: {', '.join(members[start : start + MEMBERS_TO_A_LINE])};\n"
