# SPDX-License-Identifier: Apache-2.0
"""Decide who is admitted to which partition and who is expelled, and when.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Final, TypeAlias

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import Membership, Partition, PartitionKey, Partitions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence

    from ibstack.fabric.member import Member


@dataclass(frozen=True, slots=True)
class Admit:
    key: PartitionKey
    guid: Guid
    membership: Membership

    def __str__(self) -> str:
        return f"admit {self.guid} to {self.key} as {self.membership.value}"


@dataclass(frozen=True, slots=True)
class Expel:
    key: PartitionKey
    guid: Guid

    def __str__(self) -> str:
        return f"expel {self.guid} from {self.key}"


_KEY_OF: Final = itemgetter(0)

Step: TypeAlias = Admit | Expel
Place: TypeAlias = "tuple[PartitionKey, Guid]"
"""One membership: who, where."""


def plan(desired: Partitions, observed: Partitions, ours: Container[PartitionKey]) -> list[Step]:
    """Return the steps from observed to desired, expulsions first.

    Partitions outside *ours* belong to someone else and are never changed.  Expulsions go
    first so that no moment exists in which a port sits in both its old and its new tenant.
    """
    expel: list[Step] = []
    admit: list[Step] = []
    differing = [
        (key, want, have)
        for key in desired.keys() | observed.keys()
        if (want := _members_of(desired, key)) != (have := _members_of(observed, key))
        and key in ours
    ]
    for key, want, have in sorted(differing, key=_KEY_OF):
        expel += [Expel(key, guid) for guid in sorted(have.keys() - want.keys())]
        new = {guid for guid, membership in want.items() if have.get(guid) is not membership}
        admit += [Admit(key, guid, want[guid]) for guid in sorted(new)]
    return expel + admit


def _members_of(partitions: Partitions, key: PartitionKey) -> Mapping[Guid, Membership]:
    partition = partitions.get(key)
    return {} if partition is None else partition.members


def apply(steps: Iterable[Step], partitions: Partitions) -> dict[PartitionKey, Partition]:
    """Return *partitions* after *steps*; a partition without members is gone."""
    after = {key: dict(partition.members) for key, partition in partitions.items()}
    for step in steps:
        if isinstance(step, Admit):
            after.setdefault(step.key, {})[step.guid] = step.membership
        else:
            after.get(step.key, {}).pop(step.guid, None)
    return {key: Partition(key, members) for key, members in after.items() if members}


def first_batch(steps: Sequence[Step], shared: Container[Guid]) -> list[Step]:
    """Return the steps that one publish may carry; the rest waits until those are in force.

    OpenSM writes the tables of a sweep in an order of its own, so a port that leaves one tenant
    for another has to be seen out first.  A *shared* port is in several tenants by nature.
    """
    leaving = {step.guid for step in steps if isinstance(step, Expel) and step.guid not in shared}
    return [step for step in steps if isinstance(step, Expel) or step.guid not in leaving]


@dataclass(frozen=True, slots=True)
class DesiredPartitions:
    """What all ports together want, and which of them cannot have it."""

    partitions: Partitions
    shared: frozenset[Guid]
    unfit: Mapping[str, str] = field(default_factory=dict)
    """Why a port is not served, by port id."""


def _is_its_own(member: Member) -> str | None:
    """Say of every member that its port is its own."""


def collect_desired(
    members: Iterable[Member],
    ours: Container[PartitionKey],
    why_not: Callable[[Member], str | None] = _is_its_own,
) -> DesiredPartitions:
    """Fold the ports' wishes into partitions.

    A key outside *ours* is not served, nor one of which *why_not* says why (claims.py), and
    neither is the second of two ports that want one physical port to be both full and limited
    member: its table holds one entry for each key.
    """
    found: dict[PartitionKey, dict[Guid, Membership]] = {}
    shared, unfit = set[Guid](), dict[str, str]()
    for member in sorted(members, key=attrgetter("port_id")):
        if member.key not in ours:
            unfit[member.port_id] = f"partition key {member.key} is not one of owned_keys"
            continue
        if (why := why_not(member)) is not None:
            unfit[member.port_id] = why
            continue
        holds = found.setdefault(member.key, {}).setdefault(member.guid, member.membership)
        if holds is not member.membership:
            unfit[member.port_id] = (
                f"{member.guid} is {holds.value} member of {member.key} for another port"
            )
        if member.shared:
            shared.add(member.guid)
    partitions = {key: Partition(key, guids) for key, guids in found.items()}
    return DesiredPartitions(partitions, frozenset(shared), unfit)


@dataclass(frozen=True, slots=True)
class DeferredRemovals:
    """What to publish now, while some removals still wait."""

    partitions: Partitions
    since: Mapping[Place, float]
    """When each membership that waits was first seen gone, on the caller's clock."""
    next_due_s: float | None
    """How long until the first of them may go; None where none waits."""


def hold_removals(
    desired: Partitions,
    published: Partitions,
    shared: Collection[Guid],
    since: Mapping[Place, float],
    *,
    now: float,
    grace_s: float,
) -> DeferredRemovals:
    """Keep each *shared* member that has just left for *grace_s* seconds.

    On mlx4 the VF still points at an entry of the physical port's table when its port is deleted
    or unplugged; the agent clears it first, and needs a moment.  A VF with a GUID of its own
    leaves at once.
    """
    kept: dict[PartitionKey, dict[Guid, Membership]] = {}
    waiting: dict[Place, float] = {}
    for key, partition in published.items():
        wanted = _members_of(desired, key)
        if partition.members == wanted:
            continue  # Nearly all of them.
        for guid in partition.members.keys() - wanted.keys():
            left = since.get((key, guid), now)
            if guid in shared and now - left < grace_s:
                kept.setdefault(key, {**wanted})[guid] = partition.members[guid]
                waiting[key, guid] = left
    partitions = {**desired, **{key: Partition(key, members) for key, members in kept.items()}}
    due = min((left + grace_s - now for left in waiting.values()), default=None)
    return DeferredRemovals(partitions, waiting, due)
