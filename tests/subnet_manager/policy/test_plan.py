# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.member import Member
from ibstack.fabric.partition import (
    DEFAULT_OWNED_KEYS,
    KeyRange,
    Membership,
    Partition,
    PartitionKey,
    Partitions,
)
from ibstack.subnet_manager.policy.plan import (
    Admit,
    Expel,
    apply,
    collect_desired,
    first_batch,
    hold_removals,
    plan,
)

FULL, LIMITED = Membership.FULL, Membership.LIMITED
RED, BLUE = PartitionKey(0x0101), PartitionKey(0x0102)
ALL = DEFAULT_OWNED_KEYS
A, B = Guid(0xA1), Guid(0xB1)

# Few keys and few GUIDs on purpose: collisions are where plans go wrong.
keys = st.sampled_from([PartitionKey(n) for n in (0x0001, 0x0101, 0x0102, 0x7FEF)])
some_guids = st.sampled_from([Guid(n) for n in range(1, 6)])
partitions = st.dictionaries(
    keys, st.dictionaries(some_guids, st.sampled_from(Membership), min_size=1, max_size=4)
).map(lambda found: {key: Partition(key, members) for key, members in found.items()})
members = st.builds(
    Member, st.text("abc", min_size=1, max_size=2), st.just("h"), some_guids, keys,
    st.sampled_from(Membership), st.booleans(),
)  # fmt: skip


def partition(key: PartitionKey, *guids: Guid) -> dict[PartitionKey, Partition]:
    return {key: Partition(key, dict.fromkeys(guids, FULL))}


@given(partitions, partitions)
def test_one_pass_arrives_and_a_second_does_nothing(before: Partitions, want: Partitions) -> None:
    after = apply(plan(want, before, ALL), before)

    assert after == want
    assert plan(want, after, ALL) == []


@given(partitions, partitions, keys)
def test_other_peoples_partitions_are_left_alone(
    before: Partitions, want: Partitions, theirs: PartitionKey
) -> None:
    ours = {PartitionKey(n) for n in (0x0001, 0x0101, 0x0102, 0x7FEF)} - {theirs}

    assert apply(plan(want, before, ours), before).get(theirs) == before.get(theirs)


@given(partitions, partitions)
def test_expulsions_come_first(before: Partitions, want: Partitions) -> None:
    kinds = [type(step) for step in plan(want, before, ALL)]

    assert kinds == sorted(kinds, key=lambda kind: kind is Admit)


@given(partitions, partitions, st.frozensets(some_guids))
def test_batches_arrive_and_no_port_is_in_its_old_and_its_new_tenant(
    before: Partitions, want: Partitions, shared: frozenset[Guid]
) -> None:
    now, published = before, 0
    while steps := plan(want, now, ALL):
        batch = first_batch(steps, shared)
        leaving = {s.guid for s in batch if isinstance(s, Expel)} - shared
        assert leaving.isdisjoint(s.guid for s in batch if isinstance(s, Admit))
        now = apply(batch, now)
        published += 1

    assert now == want
    assert published <= 2


def test_what_a_step_says() -> None:
    assert str(Admit(RED, A, FULL)) == "admit 0x00000000000000a1 to 0x0101 as full"
    assert str(Expel(RED, A)) == "expel 0x00000000000000a1 from 0x0101"


@given(st.lists(members, max_size=12))
def test_each_wish_is_granted_or_answered(wishes: list[Member]) -> None:
    narrow = KeyRange(PartitionKey(0x0001), PartitionKey(0x0101))
    wanted = collect_desired(wishes, narrow)

    for member in wishes:
        granted = (
            member.key in wanted.partitions
            and wanted.partitions[member.key].members.get(member.guid) is member.membership
        )
        assert granted or member.port_id in wanted.unfit
    assert all(key in narrow and part.members for key, part in wanted.partitions.items())


def test_one_physical_port_is_not_both_full_and_limited() -> None:
    first = Member("p1", "h", A, RED, FULL, shared=True)
    second = Member("p2", "h", A, RED, LIMITED, shared=True)

    wanted = collect_desired([second, first], ALL)

    assert wanted.partitions[RED].members == {A: FULL}
    assert "full member of 0x0101 for another port" in wanted.unfit["p2"]


def test_a_shared_member_stays_for_the_grace_and_an_unshared_one_leaves_at_once() -> None:
    published = {RED: Partition(RED, {A: FULL, B: FULL})}

    first = hold_removals({}, published, {A}, {}, now=10, grace_s=3)
    assert first.partitions == partition(RED, A)
    assert first.next_due_s == 3

    later = hold_removals({}, first.partitions, {A}, first.since, now=12, grace_s=3)
    assert later.partitions == partition(RED, A)
    assert later.next_due_s == 1

    last = hold_removals({}, later.partitions, {A}, later.since, now=13, grace_s=3)
    assert (last.partitions, last.since, last.next_due_s) == ({}, {}, None)


def test_a_shared_member_that_comes_back_starts_anew() -> None:
    red = partition(RED, A)

    back = hold_removals(red, red, {A}, {(RED, A): 10.0}, now=12, grace_s=3)

    assert (back.partitions, back.since) == (red, {})


@given(partitions, partitions, st.frozensets(some_guids), st.floats(0, 10))
def test_what_is_desired_is_never_held_back(
    want: Partitions, before: Partitions, shared: frozenset[Guid], grace: float
) -> None:
    held = hold_removals(want, before, shared, {}, now=0, grace_s=grace)

    for key, part in want.items():
        assert part.members.items() <= held.partitions[key].members.items()
