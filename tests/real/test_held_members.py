# SPDX-License-Identifier: Apache-2.0
"""Members that are held while all else goes on, beside a real OpenSM.

A port that is not the member's own, a table without room, and too many that leave at once.
ibsim gives every port a table of 64 entries.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import Refused
from ibstack.fabric.guid import Guid
from ibstack.fabric.member import Member
from ibstack.fabric.partition import KeyRange, Membership, PartitionKey
from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts
from ibstack.subnet_manager.reconcile.operator_requests import Order
from ibstack.subnet_manager.settings import Limits, Settings
from ibstack_lab.topology import ARTICLE
from one_reconciler import MANAGERS, Keeper, Tenants

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack_lab.fabric.simulated import Fabric

RED, BLUE = PartitionKey(0x0101), PartitionKey(0x0102)
HEAD, STANDBY, PF, PF5 = (host.port_guid for host in ARTICLE.hosts)
FORM_OF_A_VF = Guid.from_mac("00:11:75:00:00:21")
"""As TrueScale adapters have them: 0x00117500 00…."""
OWNED = KeyRange.parse("0x0001-0x7000")
_PATIENT = Limits(read_back_s=30.0)
"""A pass that waits for what cannot come takes longer than any test."""


@pytest.fixture
def tenants() -> Tenants:
    return Tenants()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site.conf"


@pytest.fixture
def keeper(fabric: Fabric, tenants: Tenants, tmp_path: Path, site: Path) -> Keeper:
    site.write_text("# none\n")
    settings = Settings(OWNED, MANAGERS, site_partitions=site, removal_grace_s=0.2, limits=_PATIENT)
    return Keeper(fabric, "head", tenants, tmp_path / "state", settings)


def is_held(keeper: Keeper, port: str, why: str) -> bool:
    problems = keeper.reconciler.status.problems
    return any(port in each and why in each for each in problems)


def test_a_vf_with_a_listed_full_members_guid_is_held(keeper: Keeper) -> None:
    keeper.tenants.boot("thief", HEAD, RED)
    keeper.tenants.boot("p1", PF, RED, shared=True)

    assert keeper.reconciler.once().failures == ()

    assert is_held(keeper, "thief", "full_default_members")
    assert keeper.tenants.in_force == {"p1"}
    assert "0x8101" not in keeper.table(HEAD)
    assert "indx0: 0x" not in keeper.path.read_text()


def test_a_vf_with_a_guid_of_the_sites_is_held_and_put_out_where_it_was_first(
    keeper: Keeper, site: Path
) -> None:
    keeper.tenants.boot("vf", FORM_OF_A_VF, RED)
    keeper.reconciler.once()
    assert str(FORM_OF_A_VF) in keeper.path.read_text()

    site.write_text(f"storage=0x7010: {FORM_OF_A_VF}=full;\n")
    keeper.reconciler.once()

    assert is_held(keeper, "vf", "site_partitions")
    assert "n0101" not in keeper.path.read_text()
    assert FORM_OF_A_VF in keeper.reconciler.reserved_guids


def test_a_vf_with_the_guid_of_a_port_that_hosts_report_is_held(keeper: Keeper) -> None:
    keeper.tenants.boot("host", PF, BLUE, shared=True)
    keeper.reconciler.once()
    keeper.tenants.boot("thief", PF, RED, host="node003")

    keeper.reconciler.once()

    assert is_held(keeper, "thief", "physical port of host node002")
    assert keeper.table(PF) == {"0x7fff", "0x8102"}


def test_of_a_vf_and_a_host_that_are_first_seen_with_one_guid_neither_is_admitted(
    keeper: Keeper,
) -> None:
    """The VF's MAC is its tenant's choice, and the report that of whoever has an account."""
    keeper.tenants.boot("host", PF, BLUE, shared=True)
    keeper.tenants.boot("thief", PF, RED, host="node003")

    for _ in range(2):
        keeper.reconciler.once()
        assert is_held(keeper, "thief", "physical port of host node002")
        assert is_held(keeper, "host 'node002'", f"{PF}, which is a VF's")
        assert keeper.table(PF) == {"0x7fff"}

    del keeper.tenants.members["thief"]
    keeper.reconciler.once()
    assert keeper.table(PF) == {"0x7fff"}
    KnownHosts(keeper.state, {}).accept("node002")
    keeper.reconciler.once()
    assert keeper.table(PF) == {"0x7fff", "0x8102"}


def test_a_vf_with_the_guid_of_a_port_that_stands_on_the_fabric_is_held_by_all_fabricds(
    fabric: Fabric, keeper: Keeper, tenants: Tenants, tmp_path: Path
) -> None:
    standby = Keeper(fabric, "node001", tenants, tmp_path / "standby", keeper.settings)
    fabric.reset("node003")
    fabric.set_guid("node003", FORM_OF_A_VF)
    fabric.link("node003")
    for each in (keeper, standby, keeper, standby):
        each.reconciler.once()
    assert FORM_OF_A_VF in keeper.reconciler.reserved_guids

    tenants.boot("thief", FORM_OF_A_VF, RED)
    tenants.boot("p1", PF, BLUE, shared=True)
    again = Keeper(fabric, "head", tenants, keeper.state, keeper.settings)
    for each in (keeper, standby, again):
        each.reconciler.once()
        assert is_held(each, "thief", "physical port of the fabric")
        assert str(FORM_OF_A_VF) not in each.path.read_text()
    assert tenants.in_force == {"p1"}


def test_a_vf_that_the_fabric_shows_as_a_node_is_served_and_may_come_back(
    fabric: Fabric, keeper: Keeper
) -> None:
    settings = replace(keeper.settings, audit_interval_s=0.1)  # It meets the VF all the time.
    keeper = Keeper(fabric, "head", keeper.tenants, keeper.state, settings)
    vf, guid = ARTICLE.host("node003").vf_node(0), Guid.from_mac("fa:16:3e:00:00:07")
    keeper.reconciler.once()
    keeper.tenants.boot("vf", guid, RED)
    keeper.reconciler.once()
    fabric.set_guid(vf, guid)
    fabric.link(vf)
    keeper.until(lambda: keeper.table(guid) == {"0x7fff", "0x8101"})

    del keeper.tenants.members["vf"]
    audits = keeper.reconciler.numbers.audits
    keeper.until(lambda: keeper.reconciler.numbers.audits > audits + 2)
    assert keeper.table(guid) == {"0x7fff"}
    keeper.tenants.boot("vf", guid, BLUE)
    keeper.until(lambda: keeper.table(guid) == {"0x7fff", "0x8102"})
    keeper.until(lambda: keeper.tenants.in_force == {"vf"})

    assert guid not in keeper.reconciler.reserved_guids


def test_a_subnet_managers_port_is_a_member_for_its_own_host_alone(keeper: Keeper) -> None:
    liar = Member("liar", "node002", HEAD, RED, Membership.FULL, shared=True)
    keeper.tenants.members["liar"] = liar
    keeper.tenants.boot("dhcp", STANDBY, BLUE, shared=True)

    keeper.reconciler.once()

    assert is_held(keeper, "liar", "host node002 reports")
    assert "0x8101" not in keeper.table(HEAD)
    assert "0x8102" in keeper.table(STANDBY)


def test_many_that_leave_stay_and_another_tenants_port_comes_at_once(keeper: Keeper) -> None:
    for port in range(16):
        key = RED if port < 12 else BLUE
        keeper.tenants.boot(f"p{port}", Guid(0xFA163E0000000000 + port + 1), key)
    keeper.reconciler.once()
    for port in range(12):
        del keeper.tenants.members[f"p{port}"]
    keeper.tenants.boot("new", PF, BLUE, shared=True)

    (failure,) = keeper.reconciler.once().failures

    assert isinstance(failure, Refused)
    assert "cannot expel 12 of 0x0101: 12 of 16 members would go" in str(failure)
    assert "new" in keeper.tenants.in_force
    assert keeper.table(PF) == {"0x7fff", "0x8102"}
    assert keeper.path.read_text().count("0xfa163e") == 16
    assert any("12 of 0x0101" in each for each in keeper.reconciler.status.problems)

    keeper.requests.give(Order.ALLOW_REMOVALS)
    keeper.until(lambda: "n0101" not in keeper.path.read_text())
    assert not keeper.requests.ordered(Order.ALLOW_REMOVALS)


def test_a_tenant_who_fills_the_subnet_managers_table_stops_nobody_else(keeper: Keeper) -> None:
    for number in range(1, 71):
        keeper.tenants.boot(f"n{number:02d}", HEAD, PartitionKey(number), shared=True)
    assert keeper.reconciler.once().failures == ()
    keeper.tenants.boot("other", PF, RED, shared=True)

    assert keeper.reconciler.once().failures == ()

    assert "other" in keeper.tenants.in_force
    assert keeper.table(PF) == {"0x7fff", "0x8101"}
    held = set(keeper.tenants.members) - keeper.tenants.in_force
    assert held == {f"n{number:02d}" for number in range(61, 71)}
    assert all(is_held(keeper, port, "table of head is full: 62 of 64") for port in held)
    fullest = keeper.reconciler.numbers.fullest
    assert fullest is not None
    assert (fullest.used, fullest.entries) == (62, 64)

    for number in range(1, 11):
        del keeper.tenants.members[f"n{number:02d}"]
    keeper.until(lambda: keeper.tenants.in_force == set(keeper.tenants.members))
    assert keeper.reconciler.status.problems == ()


def test_what_filled_a_managers_table_before_this_release_makes_room_for_the_proof(
    keeper: Keeper,
) -> None:
    for number in range(1, 61):
        keeper.tenants.boot(f"n{number:02d}", HEAD, PartitionKey(number), shared=True)
    keeper.reconciler.once()
    # As much as was there: a statement of the site's takes a place for good.
    assert keeper.settings.site_partitions is not None
    keeper.settings.site_partitions.write_text("storage=0x7010: ALL_CAS=full;\n")
    keeper.tenants.boot("other", PF, RED, shared=True)

    assert keeper.reconciler.once().failures == ()

    assert "other" in keeper.tenants.in_force
    assert is_held(keeper, "n60", "table of head is full")
