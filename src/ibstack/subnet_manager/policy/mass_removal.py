# SPDX-License-Identifier: Apache-2.0
"""Holding what leaves where too much leaves at once, while all else goes on.  Pure.

A database restored from the wrong backup, or a typing error in owned_keys, looks just like every
tenant leaving at once.  Where one partition alone is the cause, it alone is held.  What is held
stays until a person orders otherwise or it is wanted again: later passes judge the others alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import Refused
from ibstack.fabric.partition import Partition

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import Membership, PartitionKey, Partitions
    from ibstack.subnet_manager.policy.plan import Place

REMOVAL_FLOOR: Final = 8
"""So few removals at once are never held: a small cloud empties a network now and then."""
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Held:
    """Memberships that a mass removal would have ended, and of how many at that moment."""

    places: frozenset[Place] = frozenset()
    going: int = 0
    """How many members would have gone, those of other partitions among them."""
    of: int = 0
    """How many members were published then."""


NOTHING_HELD: Final = Held()


@dataclass(frozen=True, slots=True)
class Kept:
    """What to publish, with the removals that are held."""

    partitions: Partitions
    held: Held = NOTHING_HELD
    """What the next pass is to be given."""
    problem: Refused | None = None
    """None where nothing is held."""


def hold_mass_removal(
    desired: Partitions,
    published: Partitions,
    max_share: float,
    shared: Collection[Guid],
    held: Held = NOTHING_HELD,
) -> Kept:
    """Keep the members that would go where more than *max_share* (0 to 1) of all would.

    *held*: what was held before; it stays, and counts neither as going nor as published.
    A VF (not *shared*) that is wanted in another partition moves, and is never kept in its old one.
    """
    going = {
        key: gone
        for key, partition in published.items()
        # Nearly all of them are as they were.
        if partition != desired.get(key) and (gone := _gone(key, partition, desired))
    }
    if not going:
        return Kept(desired)
    moving = _wanted(desired).difference(shared)
    still = {(k, g) for k, g in held.places if g in going.get(k, ()) and g not in moving}
    before = sum(len(partition.members) for partition in published.values())
    cause = _cause(going, published, max_share, still, before)
    places = frozenset(still | {(k, g) for k in cause for g in going[k] if g not in moving})
    if not places:
        return Kept(desired)
    total = sum(map(len, going.values()))
    now = Held(places, total, before) if cause else Held(places, held.going, held.of)
    return Kept(_with(desired, published, places), now, _problem(now, max_share))


def _gone(key: PartitionKey, partition: Partition, desired: Partitions) -> dict[Guid, Membership]:
    wanted = desired[key].members if key in desired else {}
    return {g: partition.members[g] for g in partition.members.keys() - wanted.keys()}


def _wanted(desired: Partitions) -> frozenset[Guid]:
    return frozenset(guid for partition in desired.values() for guid in partition.members)


def _cause(
    going: Mapping[PartitionKey, Collection[Guid]],
    published: Partitions,
    max_share: float,
    still: Collection[Place],
    members: int,
) -> list[PartitionKey]:
    """Return the partitions whose members are to be held; none where few enough go.

    *members*: how many are published, those that are held among them.
    """
    apart = Counter(key for key, _ in still)
    fresh = {key: len(gone) - apart[key] for key, gone in going.items()}
    total = sum(fresh.values())
    before = members - len(still)
    if not _too_many(total, before, max_share):
        return []
    worst = max(fresh, key=lambda key: (fresh[key], key))
    others = before - (len(published[worst].members) - apart[worst])
    alone = not _too_many(total - fresh[worst], others, max_share)
    return [worst] if alone else list(going)


def _too_many(gone: int, before: int, max_share: float) -> bool:
    return gone > max(REMOVAL_FLOOR, max_share * before)


def _with(desired: Partitions, published: Partitions, places: Collection[Place]) -> Partitions:
    kept = dict(desired)
    staying: dict[PartitionKey, dict[Guid, Membership]] = defaultdict(dict)
    for key, guid in places:
        staying[key][guid] = published[key].members[guid]
    for key, members in staying.items():
        now = desired[key].members if key in desired else {}
        kept[key] = Partition(key, {**now, **members})
    return kept


def _problem(held: Held, max_share: float) -> Refused:
    counts = Counter(key for key, _ in held.places)
    most = sorted(counts, key=lambda key: (-counts[key], key))
    named = [f"{counts[key]} of {key}" for key in most[:_NAMED]]
    if len(most) > _NAMED:
        named.append(f"members of {len(most) - _NAMED} more partitions")
    return Refused(
        f"cannot expel {', '.join(named)}: {held.going} of {held.of} members would go at once, more"
        f" than max_removed_share allows ({max_share:g}); they stay, and all else goes on; if that"
        " is meant, run `ibstack partition allow-removals`"
    )
