# SPDX-License-Identifier: Apache-2.0
"""Hold OpenSM's multicast groups against the partitions file that it reads.

A group is judged when what the file says of it has stood for some time: OpenSM writes its account
of them at the end of the sweep that made them.
"""

from __future__ import annotations

import logging
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import TableEntry
from ibstack.facts.fabric.sa_dump import NoGroups
from ibstack.subnet_manager.opensm.multicast_groups import differences, wanted_groups
from ibstack.subnet_manager.policy.drift import Audit, Drift, DriftClass
from ibstack.subnet_manager.settings import SETTLED_S

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from ibstack.fabric.partition import PartitionKey
    from ibstack.facts.fabric.multicast_group import MulticastGroup
    from ibstack.facts.fabric.sa_dump import Groups, SaDump
    from ibstack.formats.partitions_conf.statement import Statement
    from ibstack.subnet_manager.policy.drift import Survey

LOG = logging.getLogger(__name__)

_NAMED: Final = 20
"""Groups of one kind that a daemon names one by one."""


def audit_groups(
    wanted: Collection[MulticastGroup],
    there: Groups | NoGroups,
    reached: Collection[PartitionKey],
    settled: Callable[[MulticastGroup], bool],
) -> Audit:
    """Return every group that is missing or differs; see expected_groups() for *wanted*.

    *reached*: keys that a port of the fabric holds.  OpenSM makes no group of a partition without
    a member on the fabric, so of the others none is missing.
    """
    if isinstance(there, NoGroups):
        # Of no group that is wanted none can be missing.
        return Audit((), lambda drift: bool(wanted))
    found, young = [], set()
    for group in wanted:
        if not settled(group):
            young.add(group.key)
        elif drift := _judge(group, there, reached):
            found.append(drift)

    def unsure(drift: Drift) -> bool:
        if drift.entry is None:
            return False
        key = drift.entry.partition
        return key in young or (drift.kind is DriftClass.GROUP_MISSING and key not in reached)

    return Audit(tuple(found), unsure)


def _judge(
    wanted: MulticastGroup, there: Groups, reached: Collection[PartitionKey]
) -> Drift | None:
    entry = TableEntry(wanted.key, full_member=True)
    group = there.get(wanted.mgid)
    if group is None:
        if wanted.key not in reached:
            return None
        detail = f"{wanted.mgid}: OpenSM has made no such group; its log says why"
        return Drift(DriftClass.GROUP_MISSING, None, entry, detail=detail)
    if group == wanted:
        return None
    differs = differences(wanted, group)
    detail = f"{wanted.mgid}: {differs}"
    return Drift(DriftClass.GROUP_DIFFERS, None, entry, detail=detail) if differs else None


def keys_reached(survey: Survey) -> frozenset[PartitionKey]:
    """Return the keys that ports of the fabric hold."""
    tables = (port.table for _, port in survey.ends if port.table)
    return frozenset(entry.partition for table in tables for entry in table if entry)


class GroupWatch:
    """Remembers since when each group is wanted as it is.  Time is on the given clock."""

    def __init__(
        self,
        dump: SaDump,
        statements: Callable[[], Sequence[Statement] | None],
        clock: Callable[[], float],
        settled_s: float = SETTLED_S,
    ) -> None:
        """*statements*: of the file that OpenSM reads, whoever wrote it; None: not known."""
        self._statements = statements
        self._dump = dump
        self._settled_s = settled_s
        self._clock = clock
        self._read: Sequence[Statement] | None = None
        self._since: Mapping[MulticastGroup, float] = {}
        self._why: str | None = None

    @property
    def known(self) -> bool:
        """Tell whether the last look knew the groups."""
        return self._why is None

    def audit(self, survey: Survey) -> Audit:
        """Judge the groups of the file that OpenSM reads now."""
        statements = self._statements()
        if statements is None:
            return Audit((), lambda drift: True)
        if statements is not self._read:
            now = self._clock()
            wanted = wanted_groups(statements).values()
            self._since = {group: self._since.get(group, now) for group in wanted}
            self._read = statements
        there = self._dump.read()
        self._note(there.why if isinstance(there, NoGroups) and self._since else None)
        old = self._clock() - self._settled_s
        look = audit_groups(
            self._since, there, keys_reached(survey), lambda group: self._since[group] <= old
        )
        return Audit(tuple(_named(look.found)), look.unsure)

    def _note(self, why: str | None) -> None:
        if why is not None and why != self._why:
            LOG.info("%s", NoGroups(why))
        self._why = why


def _named(found: Sequence[Drift]) -> Iterator[Drift]:
    """Yield the first of each kind, and one word for the rest: there may be thousands."""
    for kind, each in groupby(sorted(found, key=lambda d: d.kind.value), lambda d: d.kind):
        drifts = list(each)
        yield from drifts[:_NAMED]
        if len(drifts) > _NAMED:
            rest = f"more than {_NAMED}; `ibstack partition audit` lists them all"
            yield Drift(kind, None, None, detail=rest)
