# SPDX-License-Identifier: Apache-2.0
"""What the published file will say beside the tenants' members, and what of it changes.  Pure."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from ibstack.fabric.partition import DEFAULT_PARTITION, Membership
from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile
from ibstack.subnet_manager.policy.plan import Admit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import Partition, PartitionKey


def file_of(
    proof: PartitionKey,
    partitions: Mapping[PartitionKey, Partition],
    shared: Collection[Guid],
    full_default: frozenset[Guid],
    site: str,
    scratch: frozenset[Guid] = frozenset(),
) -> PartitionsFile:
    """Return the file to publish.  A VF with a GUID of its own has its key at index 0."""
    members = frozenset(guid for each in partitions.values() for guid in each.members)
    first = members - frozenset(shared)
    return PartitionsFile(proof, partitions, full_default, scratch, site, first)


def other_changes(before: PartitionsFile | None, after: PartitionsFile) -> Iterator[Admit | str]:
    """Yield what changes beside the members of tenants' partitions; *before* None: no file.

    A full member of the default partition comes or becomes limited; a line of the site's own
    comes or goes.  Proof and scratch keys come and go as they are needed, and are no change.
    """
    listed = before.full_default if before else frozenset()
    for guid in sorted(listed ^ after.full_default):
        how = Membership.FULL if guid in after.full_default else Membership.LIMITED
        yield Admit(DEFAULT_PARTITION, guid, how)
    yield from _lines(before.site if before else "", after.site)
    if before is None:
        yield "write the file: ibstack has published none here yet"
    elif (before.first ^ after.first) & _members(before) & _members(after):
        yield "write the tenants' lines anew: whose entry is at index 0 changes"


def _lines(before: str, after: str) -> Iterator[str]:
    old, new = before.splitlines(), after.splitlines()
    for _, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if old[a:b] == new[c:d]:
            continue
        yield from (f"remove the site's line: {line}" for line in old[a:b])
        yield from (f"add the site's line: {line}" for line in new[c:d])


def _members(file: PartitionsFile) -> set[Guid]:
    return {guid for each in file.partitions.values() for guid in each.members}
