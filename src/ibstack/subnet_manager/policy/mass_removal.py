# SPDX-License-Identifier: Apache-2.0
"""Holding what leaves where too much leaves at once, while all else goes on.  Pure.

A database restored from the wrong backup, or a typing error in owned_keys, looks just like every
tenant leaving at once.  Where one partition alone is the cause, it alone is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import Refused
from ibstack.fabric.partition import Partition

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import Membership, PartitionKey, Partitions

REMOVAL_FLOOR: Final = 8
"""So few removals at once are never held: a small cloud empties a network now and then."""
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Kept:
    """What to publish, with the removals that are held."""

    partitions: Partitions
    problem: Refused | None = None
    """None where nothing is held."""


def hold_mass_removal(
    desired: Partitions, published: Partitions, max_share: float, shared: Collection[Guid]
) -> Kept:
    """Keep the members that would go where more than *max_share* (0 to 1) of all would.

    A VF (not *shared*) that is wanted in another partition moves, and is never kept in its old one.
    """
    going = {
        key: gone
        for key, partition in published.items()
        # Nearly all of them are as they were.
        if partition != desired.get(key) and (gone := _gone(key, partition, desired))
    }
    total = sum(map(len, going.values()))
    before = sum(len(partition.members) for partition in published.values())
    if not _too_many(total, before, max_share):
        return Kept(desired)
    worst = max(going, key=lambda key: (len(going[key]), key))
    others = before - len(published[worst].members)
    alone = not _too_many(total - len(going[worst]), others, max_share)
    held = {worst: going[worst]} if alone else going
    return Kept(_with(desired, held, shared), _problem(held, total, before, max_share))


def _gone(key: PartitionKey, partition: Partition, desired: Partitions) -> dict[Guid, Membership]:
    wanted = desired[key].members if key in desired else {}
    return {g: partition.members[g] for g in partition.members.keys() - wanted.keys()}


def _too_many(gone: int, before: int, max_share: float) -> bool:
    return gone > max(REMOVAL_FLOOR, max_share * before)


def _with(
    desired: Partitions,
    held: Mapping[PartitionKey, Mapping[Guid, Membership]],
    shared: Collection[Guid],
) -> Partitions:
    wanted = {guid for partition in desired.values() for guid in partition.members}
    moving = wanted.difference(shared)
    kept = dict(desired)
    for key, members in held.items():
        staying = {g: how for g, how in members.items() if g not in moving}
        now = dict(desired[key].members) if key in desired else {}
        if staying or now:
            kept[key] = Partition(key, {**now, **staying})
    return kept


def _problem(
    held: Mapping[PartitionKey, Collection[Guid]], total: int, before: int, max_share: float
) -> Refused:
    most = sorted(held, key=lambda key: (-len(held[key]), key))
    named = [f"{len(held[key])} of {key}" for key in most[:_NAMED]]
    if len(most) > _NAMED:
        named.append(f"members of {len(most) - _NAMED} more partitions")
    return Refused(
        f"cannot expel {', '.join(named)}: {total} of {before} members would go, more than"
        f" max_removed_share allows ({max_share:g}); they stay, and all else goes on; if that is"
        " meant, run `ibstack partition allow-removals`"
    )
