# SPDX-License-Identifier: Apache-2.0
"""What stays where too much leaves at once, and what goes on meanwhile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import Membership, Partition, PartitionKey, Partitions
from ibstack.subnet_manager.policy.mass_removal import REMOVAL_FLOOR, hold_mass_removal

FULL = Membership.FULL
RED, BLUE, GREEN = (PartitionKey(n) for n in (0x0101, 0x0102, 0x0103))


def of(**counts: int) -> dict[PartitionKey, Partition]:
    """Return partitions with so many members each, no port in two of them."""
    names = {"red": RED, "blue": BLUE, "green": GREEN}
    return {
        (key := names[name]): Partition(
            key, {Guid(key.base << 16 | n + 1): FULL for n in range(count)}
        )
        for name, count in counts.items()
        if count
    }


@pytest.mark.parametrize(
    ("before", "after", "held"),
    [
        (REMOVAL_FLOOR, 0, False),
        (REMOVAL_FLOOR + 1, 0, True),
        (100, 50, False),
        (100, 49, True),
        (0, 100, False),
    ],
)
def test_too_many_removals_at_once_are_held(before: int, after: int, held: bool) -> None:
    kept = hold_mass_removal(of(red=after), of(red=before), 0.5, ())

    assert kept.partitions == of(red=before if held else after)
    assert ("partition allow-removals" in str(kept.problem)) is held


def test_of_one_partition_that_is_the_cause_the_others_go_on() -> None:
    kept = hold_mass_removal(of(blue=6, green=3), of(red=40, blue=10, green=5), 0.5, ())

    assert kept.partitions == of(red=40, blue=6, green=3)
    assert "cannot expel 40 of 0x0101: 46 of 55 members would go" in str(kept.problem)


def test_of_many_partitions_that_are_the_cause_all_are_held_and_named() -> None:
    before = of(red=20, blue=20, green=20)

    kept = hold_mass_removal({}, before, 0.5, ())

    assert kept.partitions == before
    assert "20 of 0x0101, 20 of 0x0102, 20 of 0x0103" in str(kept.problem)


def test_a_vf_that_moves_is_not_kept_where_it_was_and_a_physical_port_is() -> None:
    before = of(red=20)
    first, second, *_ = sorted(before[RED].members)
    moved = {BLUE: Partition(BLUE, {first: FULL, second: FULL})}

    kept = hold_mass_removal(moved, before, 0.5, {second})

    assert first not in kept.partitions[RED].members
    assert second in kept.partitions[RED].members
    assert kept.partitions[BLUE] == moved[BLUE]


keys = st.sampled_from([RED, BLUE, GREEN])
guids = st.sampled_from([Guid(n) for n in range(1, 30)])
partitions = st.dictionaries(
    keys, st.dictionaries(guids, st.sampled_from(Membership), min_size=1, max_size=20)
).map(lambda found: {key: Partition(key, members) for key, members in found.items()})


@given(partitions, partitions, st.frozensets(guids), st.floats(0, 1))
def test_what_is_desired_is_published_and_no_vf_is_kept_beside_it(
    want: Partitions, before: Partitions, shared: frozenset[Guid], share: float
) -> None:
    kept = hold_mass_removal(want, before, share, shared)

    wanted = {guid for part in want.values() for guid in part.members}
    for key, part in kept.partitions.items():
        asked = want[key].members if key in want else {}
        assert asked.items() <= part.members.items()
        extra = part.members.keys() - asked.keys()
        assert extra <= (before[key].members.keys() if key in before else set())
        assert extra.isdisjoint(wanted - shared)
    assert want.keys() <= kept.partitions.keys()


@given(partitions, partitions, st.frozensets(guids), st.floats(0, 1), st.data())
def test_what_was_held_once_stays_held_whatever_comes_after_it(
    want: Partitions,
    before: Partitions,
    shared: frozenset[Guid],
    share: float,
    data: st.DataObject,
) -> None:
    first = hold_mass_removal(want, before, share, shared)
    then = data.draw(partitions)

    again = hold_mass_removal(then, first.partitions, share, shared, first.held)

    wanted = {guid for part in then.values() for guid in part.members}
    moved = {(k, g) for k, g in first.held.places if g in wanted - shared}
    asked = {(k, g) for k, part in then.items() for g in part.members}
    still = {(k, g) for k, part in again.partitions.items() for g in part.members}
    assert first.held.places - moved <= still
    assert first.held.places - moved - asked <= again.held.places
    assert again.held.places.isdisjoint(asked)
    assert (again.problem is None) is (not again.held.places)


def test_members_that_come_later_let_nothing_go_that_is_held() -> None:
    first = hold_mass_removal(of(green=6), of(red=9, blue=10), 0.5, ())

    again = hold_mass_removal(of(green=100), first.partitions, 0.5, (), first.held)

    assert again.partitions == of(red=9, blue=10, green=100)
    assert "10 of 0x0102, 9 of 0x0101: 19 of 19 members would go at once" in str(again.problem)


def test_of_one_partition_that_is_held_the_others_are_judged_alone() -> None:
    first = hold_mass_removal(of(blue=20), of(red=40, blue=20), 0.5, ())

    fewer = hold_mass_removal(of(blue=12), first.partitions, 0.5, (), first.held)
    many = hold_mass_removal(of(blue=9), first.partitions, 0.5, (), first.held)

    assert fewer.partitions == of(red=40, blue=12)
    assert many.partitions == of(red=40, blue=20)
    assert "40 of 0x0101, 11 of 0x0102: 51 of 60 members would go" in str(many.problem)


def test_what_is_wanted_again_is_held_no_longer() -> None:
    first = hold_mass_removal({}, of(red=20), 0.5, ())

    again = hold_mass_removal(of(red=18), first.partitions, 0.5, (), first.held)
    later = hold_mass_removal(of(red=16), of(red=18), 0.5, (), again.held)

    assert again.partitions == of(red=20)
    assert len(again.held.places) == 2
    assert later.partitions == of(red=16)
