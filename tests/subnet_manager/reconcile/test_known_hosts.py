# SPDX-License-Identifier: Apache-2.0
"""Which reports of a host are believed, and what its ports keep when they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput, Refused, TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.member import Member
from ibstack.fabric.partition import Membership, PartitionKey
from ibstack.neutron.client.heartbeat import fit
from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts, listed_hosts
from ibstack.subnet_manager.reconcile.pass_context import Desired

if TYPE_CHECKING:
    from pathlib import Path

A, B, VF = Guid(0xA), Guid(0xB), Guid(0xFA163E0000000001)
RED, BLUE = PartitionKey(1), PartitionKey(2)
H, X = "node003", "node002"


def member(port: str, guid: Guid, host: str = H, *, shared: bool = True, key: PartitionKey = RED
) -> Member:  # fmt: skip
    return Member(port, host, guid, key, Membership.FULL, shared)


def desired(*members: Member, **hosts: dict[Guid, bool]) -> Desired:
    return Desired("e", members, hosts=hosts)


def believed(known: KnownHosts, wanted: Desired) -> set[tuple[str, Guid]]:
    return {(one.port_id, one.guid) for one in known.judge(wanted).members}


@pytest.fixture
def known(tmp_path: Path) -> KnownHosts:
    return KnownHosts(tmp_path, {})


def test_all_ports_of_a_host_are_known_from_its_first_report(known: KnownHosts) -> None:
    reported = {H: {A: True, B: True}}
    assert believed(known, desired(member("p1", A), **reported)) == {("p1", A)}
    judged = known.judge(desired(member("p1", A), member("p2", B), **reported))

    assert {one.guid for one in judged.members} == {A, B}
    assert judged.alarms == ()


@pytest.mark.parametrize("restart", [False, True])
def test_a_new_port_is_held_and_the_old_one_stays(tmp_path: Path, restart: bool) -> None:
    known = KnownHosts(tmp_path, {})
    known.judge(desired(member("p1", A), **{H: {A: True}}))
    lie = desired(member("p1", B), member("p2", B), **{H: {B: True}})
    for _ in range(2):
        assert believed(known, lie) == {("p1", A)}
        if restart:
            known = KnownHosts(tmp_path, {})

    # What its Neutron port has left is its own no longer.
    assert believed(known, desired(member("p1", B, key=BLUE), **{H: {B: True}})) == set()
    assert believed(known, desired(**{H: {B: True}})) == set()
    assert believed(known, desired(member("p1", A), **{H: {A: True}})) == {("p1", A)}


@pytest.mark.parametrize(
    ("first", "lie"),
    [
        ({A: True}, desired(member("p1", VF, shared=False), **{H: {A: False}})),
        ({A: True}, desired(member("p1", VF, shared=False), **{H: {B: False}})),
        ({A: True}, desired(member("p1", VF, shared=False))),
        ({A: False}, desired(member("p1", A), **{H: {A: True}})),
        ({A: False}, desired(member("p1", B), **{H: {A: False, B: True}})),
    ],
    ids=["own GUIDs", "own GUIDs of a new adapter", "a GUID that is not known", "shared", "second"],
)
def test_a_change_of_kind_is_held(known: KnownHosts, first: dict[Guid, bool], lie: Desired) -> None:
    known.judge(desired(**{H: first}))

    judged = known.judge(lie)

    assert judged.members == ()
    assert [alarm.startswith(f"host '{H}' reports ") for alarm in judged.alarms] == [True]


def test_the_dhcp_port_of_a_host_whose_vfs_have_guids_of_their_own_is_believed(
    known: KnownHosts,
) -> None:
    wanted = desired(member("p1", A), member("p2", VF, shared=False), **{H: {A: False}})

    assert known.judge(wanted).members == wanted.members
    assert known.judge(wanted).alarms == ()


def test_what_other_ports_of_a_host_have_goes_on_while_one_is_held(known: KnownHosts) -> None:
    known.judge(desired(**{H: {A: False}}))
    wanted = desired(member("p1", VF, shared=False), member("p2", B), **{H: {A: False, B: True}})

    assert believed(known, wanted) == {("p1", VF)}


def test_what_two_hosts_report_when_they_are_first_seen_is_neithers(known: KnownHosts) -> None:
    both = desired(member("p1", A), **{H: {A: True}, X: {A: True}})
    assert believed(known, both) == set()

    assert believed(known, desired(member("p1", A), **{H: {A: True}})) == {("p1", A)}
    judged = known.judge(both)
    assert judged.members == (member("p1", A),)
    assert f"port GUID {A}, which is host '{H}''s" in judged.alarms[0]


def test_a_report_is_judged_where_nobody_is_a_member_yet(known: KnownHosts) -> None:
    known.judge(desired(**{X: {A: True}}))

    judged = known.judge(desired(**{X: {A: True}, H: {A: True}}))

    assert [alarm.partition(":")[0] for alarm in judged.alarms] == [
        f"host {H!r} reports port GUID {A}, which is host {X!r}'s"
    ]


@pytest.mark.parametrize("owner_reports", [True, False])
def test_hosts_that_somebody_makes_up_hide_no_alarm_of_a_host_that_there_is(
    known: KnownHosts, owner_reports: bool
) -> None:
    hosts = {X: {A: True}, H: {B: True}}
    known.judge(desired(**hosts))
    ghosts = {f"ghost-{number:04x}": {A: True} for number in range(30)}
    told = {**hosts, H: {B: True, A: True}, **ghosts}
    if not owner_reports:
        del told[X]
    known.judge(desired(**told))  # Who is the only one to claim a port is met now.

    problems = fit({"problems": known.judge(desired(**told)).alarms})["problems"]

    assert problems[0].startswith(f"host {H!r} reports port GUID {A}, which is host {X!r}'s")
    assert problems[-1] == "and more: see the daemon's log"


def test_a_host_that_is_first_seen_does_not_get_the_guid_of_a_vf(known: KnownHosts) -> None:
    """A walk may show the VF as a node like any adapter's: it is Neutron that knows."""
    guest = member("p1", VF, X, shared=False)
    known.judge(desired(guest, **{X: {B: False}}))
    lie = desired(guest, member("p2", VF), **{X: {B: False}, H: {VF: True, A: True}})

    judged = known.judge(lie)

    assert {(one.port_id, one.guid) for one in judged.members} == {("p1", VF)}
    (alarm,) = judged.alarms
    assert f"host '{H}' reports port GUID {VF}, which is a VF's" in alarm
    # Also when the VF has gone: then it is a GUID that is new on a known host.
    later = known.judge(desired(member("p2", VF), **{X: {B: False}, H: {VF: True, A: True}}))
    assert not later.members
    assert "is new there" in later.alarms[0]
    # Its own adapter it has.
    own = known.judge(desired(member("p3", A), **{H: {A: True}}))
    assert {one.guid for one in own.members} == {A}


def test_an_order_takes_what_is_reported_then_and_from_whom_had_it(
    tmp_path: Path, known: KnownHosts
) -> None:
    known.judge(desired(**{H: {A: True}, X: {B: True}}))
    moved = desired(member("p1", B), **{H: {B: True}})
    assert believed(known, moved) == set()

    known.accept(H)
    away = Desired("e", moved.members, TryLater("away"), hosts=moved.hosts)
    assert known.obey(away) is False
    assert known.obey(moved) is True
    assert believed(known, moved) == {("p1", B)}
    assert known.obey(moved) is False
    assert believed(KnownHosts(tmp_path, {}), moved) == {("p1", B)}
    assert known.judge(desired(**{X: {B: True}})).alarms != ()


def test_an_order_for_a_host_that_reports_nothing_makes_it_new(known: KnownHosts) -> None:
    known.judge(desired(**{H: {A: True}}))
    known.accept(H)
    known.obey(desired())

    assert believed(known, desired(member("p1", B), **{H: {B: True}})) == {("p1", B)}


def test_a_listed_host_has_what_is_listed_even_at_first_sight(tmp_path: Path) -> None:
    known = KnownHosts(tmp_path, listed_hosts([f"{H}:{A}", f"{H}: 00:00:00:00:00:00:00:0b"]))
    C = Guid(0xC)
    wanted = desired(member("p1", A), member("p2", B), member("p3", C), **{H: {A: True, B: True}})

    assert believed(known, wanted) == {("p1", A), ("p2", B)}
    assert believed(known, desired(member("p4", A, X), **{X: {A: True}})) == set()


@pytest.mark.parametrize("entries", [["node003"], [":0xa"], ["n:0xa", "m:0xa"], ["n:xyz"]])
def test_a_list_with_nonsense_is_refused(entries: list[str]) -> None:
    with pytest.raises((BadInput, ValueError)):
        listed_hosts(entries)


@pytest.mark.parametrize("host", ["", "..", "h" * 300])
def test_what_is_no_name_of_a_host_is_not_accepted(known: KnownHosts, host: str) -> None:
    with pytest.raises(BadInput):
        known.accept(host)


def test_who_only_looks_judges_alike_and_writes_nothing(tmp_path: Path) -> None:
    looks = KnownHosts(tmp_path / "state", {}, remembers=False)
    assert believed(looks, desired(member("p1", A))) == {("p1", A)}
    assert not (tmp_path / "state").exists()

    KnownHosts(tmp_path, {}).judge(desired(**{H: {A: True}}))
    looks = KnownHosts(tmp_path, {}, remembers=False)
    assert believed(looks, desired(member("p1", B), **{H: {B: True}})) == set()


def test_nothing_is_written_where_nothing_is_learnt(tmp_path: Path, known: KnownHosts) -> None:
    wanted = desired(member("p1", A), **{H: {A: True}})
    known.judge(wanted)
    (tmp_path / "known_hosts.json").unlink()

    known.judge(desired(*wanted.members, member("p2", A), **wanted.hosts))  # type: ignore[arg-type]
    assert not (tmp_path / "known_hosts.json").exists()


def test_a_name_with_a_slash_stays_in_the_folder_of_orders(
    tmp_path: Path, known: KnownHosts
) -> None:
    known.accept("../../x")

    assert [one.name for one in (tmp_path / "orders/accept-host").iterdir()] == ["..%2F..%2Fx"]
    assert known.obey(desired()) is True


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2}', '{"version": 1, "hosts": {"h": 1}}'])
def test_a_broken_file_lets_nobody_in(tmp_path: Path, known: KnownHosts, text: str) -> None:
    (tmp_path / "known_hosts.json").write_text(text)

    with pytest.raises(Refused, match="remove it"):
        known.judge(desired(member("p1", A)))


def test_no_host_is_accepted_where_one_of_them_is_no_name(
    tmp_path: Path, known: KnownHosts
) -> None:
    with pytest.raises(BadInput):
        known.accept(H, "")

    assert not (tmp_path / "orders").exists()


def test_orders_that_cannot_be_seen_are_no_end_of_the_daemon(
    tmp_path: Path, known: KnownHosts
) -> None:
    (tmp_path / "orders").write_text("no folder")

    with pytest.raises(TryLater, match="cannot see what is ordered"):
        known.obey(desired())
