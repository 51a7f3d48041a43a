# SPDX-License-Identifier: Apache-2.0
"""Which of the members fit into the tables of their ports."""

from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.member import Member
from ibstack.fabric.partition import (
    DEFAULT_OWNED_KEYS,
    Membership,
    Partition,
    PartitionKey,
    Partitions,
)
from ibstack.formats.partitions_conf.strict import parse
from ibstack.subnet_manager.policy.known_ports import KnownPorts, TableSize
from ibstack.subnet_manager.policy.plan import collect_desired
from ibstack.subnet_manager.policy.table_room import Rooms, fit

A, B, MANAGER = Guid(0xA1), Guid(0xB1), Guid(0xC1)
FULL = Membership.FULL


def member(guid: Guid, key: int) -> Member:
    return Member(f"{guid}-{key:03}", "node001", guid, PartitionKey(key), FULL, shared=True)


def published(guid: Guid, *keys: int) -> Partitions:
    return {PartitionKey(key): Partition(PartitionKey(key), {guid: FULL}) for key in keys}


def fitting(
    guid: Guid, keys: range, before: Partitions, rooms: Rooms
) -> tuple[list[int], dict[str, str]]:
    members = [member(guid, key) for key in keys]
    wanted, _ = fit(collect_desired(members, DEFAULT_OWNED_KEYS), members, before, rooms)
    return sorted(key.base for key in wanted.partitions), dict(wanted.unfit)


def rooms(entries: int, of_switch: int | None = None, site: bytes = b"") -> Rooms:
    sizes = dict.fromkeys((A, MANAGER), TableSize(entries, of_switch))
    statements = tuple(parse(site, "site.conf")) if site else ()
    return Rooms(KnownPorts(sizes), frozenset({MANAGER}), statements)


def test_a_table_has_an_entry_for_the_default_partition() -> None:
    kept, unfit = fitting(A, range(1, 10), {}, rooms(8))

    assert kept == list(range(1, 8))
    assert unfit == {
        f"{A}-{n:03}": "the table of node001 is full: 8 of 8; fewer networks there" for n in (8, 9)
    }


def test_a_managers_table_keeps_two_proof_keys_and_one_for_repair() -> None:
    kept, unfit = fitting(MANAGER, range(1, 10), {}, rooms(8))

    assert kept == [1, 2, 3, 4]
    assert "6 of 8" in unfit[f"{MANAGER}-005"]


def test_a_switchs_table_is_never_filled_to_its_last_entry() -> None:
    assert fitting(A, range(1, 10), {}, rooms(64, of_switch=8))[0] == [1, 2, 3, 4, 5, 6]
    assert fitting(A, range(1, 10), {}, rooms(8, of_switch=64))[0] == list(range(1, 8))


def test_the_sites_statements_take_places() -> None:
    for site in (f"s=0x7010: {A}=full;\n", "s=0x7010: ALL=full;\n", "s=0x7010: ALL_CAS=full;\n"):
        assert fitting(A, range(1, 10), {}, rooms(8, site=site.encode()))[0] == list(range(1, 7))
    for site in (f"s=0x7010: {B}=full;\n", "s=0x7010: SELF=full;\n"):
        assert fitting(A, range(1, 10), {}, rooms(8, site=site.encode()))[0] == list(range(1, 8))
    site = "s=0x7010: SELF=full;\n"
    assert fitting(MANAGER, range(1, 10), {}, rooms(8, site=site.encode()))[0] == [1, 2, 3]


def test_what_is_published_stays_and_what_is_about_to_leave_still_has_its_place() -> None:
    before = published(A, *range(5, 12))

    assert fitting(A, range(1, 12), before, rooms(8))[0] == list(range(5, 12))
    assert fitting(A, range(1, 10), before, rooms(8))[0] == list(range(5, 10))


def test_on_a_managers_port_the_proof_comes_before_what_is_published() -> None:
    before = published(MANAGER, *range(1, 8))

    assert fitting(MANAGER, range(1, 8), before, rooms(8))[0] == [1, 2, 3, 4]


def test_of_a_port_whose_table_is_not_known_nothing_is_held() -> None:
    assert fitting(B, range(1, 200), {}, rooms(8)) == (list(range(1, 200)), {})


ports = st.sampled_from([A, B, MANAGER])
places = st.frozensets(st.tuples(ports, st.integers(1, 14)), max_size=40)


@given(places, places, st.integers(4, 12), st.none() | st.integers(4, 12))
def test_no_table_gets_more_than_it_holds_and_all_else_is_granted(
    want: frozenset[tuple[Guid, int]],
    have: frozenset[tuple[Guid, int]],
    entries: int,
    of_switch: int | None,
) -> None:
    members = [member(guid, key) for guid, key in sorted(want)]
    there = rooms(entries, of_switch)
    first: dict[PartitionKey, dict[Guid, Membership]] = {}
    for guid, key in have:
        first.setdefault(PartitionKey(key), {})[guid] = FULL
    before = {key: Partition(key, guids) for key, guids in first.items()}

    wanted, _ = fit(collect_desired(members, DEFAULT_OWNED_KEYS), members, before, there)

    got = {(g, key.base) for key, part in wanted.partitions.items() for g in part.members}
    held = {(m.guid, m.key.base) for m in members if m.port_id in wanted.unfit}
    assert got | held == want
    assert not got & held
    for guid in (A, MANAGER):
        room = there.room(guid, 1)
        assert room is not None
        mine = {key for g, key in got if g == guid}
        old = {key for g, key in have if g == guid}
        stayed = mine & old
        assert len(mine) <= max(room, 1) or (guid == A and mine == stayed) or len(mine) <= 1
        if len({key for g, key in want if g == guid} | old) <= room:
            assert not {place for place in held if place[0] == guid}


def test_what_is_told_of_the_tables_is_the_roomiest_and_those_with_less() -> None:
    """By these numbers Neutron declines ports; switches have no members."""
    ports, manager, switch = [Guid(n) for n in (1, 2)], Guid(3), Guid(4)
    sizes = {
        ports[0]: TableSize(128),
        ports[1]: TableSize(128, of_switch=33),
        manager: TableSize(128),
        switch: TableSize(8),
    }
    known = KnownPorts(sizes=sizes, switches=frozenset({switch}))

    most, smaller = Rooms(known, frozenset({manager})).smaller()

    assert most == 127
    assert smaller == ((ports[1], 31), (manager, 124))


def test_nothing_is_told_where_nothing_was_walked() -> None:
    assert Rooms().smaller() == (None, ())
