# SPDX-License-Identifier: Apache-2.0
"""FileOwner a port is that a member claims, and which ports stand on a fabric by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.member import LeftVf, Member
from ibstack.fabric.partition import Membership, Partition, PartitionKey
from ibstack.fabric.pci import PciAddress
from ibstack.subnet_manager.policy.claims import Claims
from ibstack.subnet_manager.policy.known_ports import KnownPorts
from ibstack.subnet_manager.reconcile.pass_context import Desired
from ibstack.subnet_manager.reconcile.physical_ports import PhysicalPorts

if TYPE_CHECKING:
    from pathlib import Path

KEY = PartitionKey(0x0101)
VF = Guid.from_mac("fa:16:3e:00:00:01")
TRUESCALE = Guid.from_mac("00:11:75:00:00:21")
NVIDIA = Guid(0x0002C90300000011)


def vf(guid: Guid) -> Member:
    return Member("p", "node003", guid, KEY, Membership.FULL)


def of_host(guid: Guid, host: str) -> Member:
    return Member("p", host, guid, KEY, Membership.FULL, shared=True)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        (Claims(full_default=frozenset({VF})), "one of full_default_members"),
        (Claims(of_site=frozenset({VF})), "listed in site_partitions"),
        (Claims(known=KnownPorts(managers=frozenset({VF}))), "a subnet manager's port"),
        (Claims(known=KnownPorts(switches=frozenset({VF}))), "a physical port of the fabric"),
        (Claims(physical_ports=frozenset({VF})), "a physical port of the fabric"),
        (Claims(hosts={VF: "node002"}), "a physical port of host node002"),
    ],
)
def test_a_vf_has_no_other_ports_guid(claims: Claims, said: str) -> None:
    assert said in (claims.why_not(vf(VF)) or "")
    assert claims.why_not(vf(Guid.from_mac("fa:16:3e:00:00:02"))) is None


def test_a_host_that_reports_a_guests_guid_does_not_put_the_guest_out() -> None:
    there = {KEY: Partition(KEY, {VF: Membership.FULL})}
    claims = Claims(hosts={VF: "node002"}, published=there)

    assert claims.why_not(vf(VF)) is None
    assert replace(claims, shared_before=frozenset({VF})).why_not(vf(VF)) is not None


@pytest.mark.parametrize(
    ("name", "host", "is_its_own"),
    [
        ("sm1 mlx5_0", "sm1", True),
        ("SM1 HCA-1", "sm1.example.org", True),
        ("sm1.example.org mlx4_0", "sm1", True),
        ("sm1", "sm1", True),
        ("sm1 mlx5_0", "sm10", False),
        ("sm1 mlx5_0", "node002", False),
        ("MT4115 ConnectX4 Mellanox Technologies", "sm1", False),
        (None, "sm1", False),
    ],
)
def test_a_subnet_managers_port_is_for_the_host_that_its_node_names(
    name: str | None, host: str, is_its_own: bool
) -> None:
    known = KnownPorts(names={} if name is None else {NVIDIA: name})
    for claims in (
        Claims(known=known, full_default=frozenset({NVIDIA})),
        Claims(known=replace(known, managers=frozenset({NVIDIA}))),
    ):
        assert (claims.why_not(of_host(NVIDIA, host)) is None) is is_its_own


def test_what_a_subnet_managers_host_has_in_force_stays_while_its_node_says_nothing() -> None:
    claims = Claims(
        full_default=frozenset({NVIDIA}),
        published={KEY: Partition(KEY, {NVIDIA: Membership.FULL})},
        shared_before=frozenset({NVIDIA}),
    )

    assert claims.why_not(of_host(NVIDIA, "sm1")) is None
    other = replace(of_host(NVIDIA, "sm1"), key=PartitionKey(2))
    assert "rdma-ndd" in (claims.why_not(other) or "")


def test_what_neutron_is_told_to_keep_from_vfs_is_what_a_mac_could_make() -> None:
    claims = Claims(
        full_default=frozenset({NVIDIA}),
        of_site=frozenset({TRUESCALE}),
        known=KnownPorts(managers=frozenset({NVIDIA, VF})),
    )

    assert claims.reserved == {TRUESCALE, VF}


def walk(*guids: Guid, whole: bool = True) -> KnownPorts:
    return KnownPorts(from_macs=frozenset(guids), whole=whole)


def desired(answers: int, *members: Member) -> Desired:
    return Desired("e", members, answers=answers)


@pytest.fixture
def physical_ports(tmp_path: Path) -> PhysicalPorts:
    return PhysicalPorts(tmp_path / "state")


def test_what_a_later_answer_does_not_want_stands_by_itself(
    physical_ports: PhysicalPorts, tmp_path: Path
) -> None:
    physical_ports.on_walk(walk(TRUESCALE), desired(1))
    physical_ports.on_desired(desired(1))
    assert physical_ports.guids == set()

    physical_ports.on_desired(replace(desired(2), trouble=TryLater("the broker is away")))
    assert physical_ports.guids == set()
    physical_ports.on_desired(desired(2))
    assert physical_ports.guids == {TRUESCALE}

    physical_ports.on_walk(walk(TRUESCALE, VF), desired(3, vf(TRUESCALE), vf(VF)))
    assert physical_ports.guids == {TRUESCALE}
    assert PhysicalPorts(tmp_path / "state").guids == {TRUESCALE}


def test_a_vf_that_is_met_before_its_port_is_heard_of_is_a_vf(
    physical_ports: PhysicalPorts,
) -> None:
    physical_ports.on_walk(walk(VF), desired(1))
    physical_ports.on_desired(desired(2, vf(VF)))
    physical_ports.on_desired(desired(3))
    physical_ports.on_walk(walk(VF), desired(3))
    physical_ports.on_desired(desired(4))

    assert physical_ports.guids == set()


def test_a_vf_whose_host_is_in_doubt_is_a_vf_when_that_is_over(
    physical_ports: PhysicalPorts,
) -> None:
    in_doubt = ("host 'node003' reports port GUID …",)
    physical_ports.on_walk(walk(VF, TRUESCALE), replace(desired(1), alarms=in_doubt))
    physical_ports.on_desired(replace(desired(2), alarms=in_doubt))
    assert physical_ports.guids == set()

    physical_ports.on_desired(desired(3, vf(VF)))
    physical_ports.on_desired(desired(4))
    assert physical_ports.guids == {TRUESCALE}


def test_a_vf_that_was_left_attached_is_a_vf(physical_ports: PhysicalPorts) -> None:
    left = (LeftVf("node003", PciAddress.parse("0000:05:00.1"), VF),)
    physical_ports.on_walk(walk(VF), replace(desired(1), left=left))
    physical_ports.on_desired(replace(desired(2), left=left))

    assert physical_ports.guids == set()


def test_a_vf_that_has_just_left_its_partition_is_a_vf_until_a_walk_misses_it(
    physical_ports: PhysicalPorts,
) -> None:
    physical_ports.on_leaving({VF})
    for answers in range(1, 4):
        physical_ports.on_walk(walk(VF), desired(answers))
        physical_ports.on_desired(desired(answers + 1))
    assert physical_ports.guids == set()

    physical_ports.on_walk(walk(), desired(5))
    physical_ports.on_walk(walk(VF), desired(6))
    physical_ports.on_desired(desired(7))
    assert physical_ports.guids == {VF}


def test_what_a_whole_walk_misses_stands_there_no_more(physical_ports: PhysicalPorts) -> None:
    physical_ports.on_walk(walk(TRUESCALE), desired(1))
    physical_ports.on_desired(desired(2))

    physical_ports.on_walk(walk(whole=False), desired(2))
    assert physical_ports.guids == {TRUESCALE}
    physical_ports.on_walk(walk(), desired(2))
    assert physical_ports.guids == set()


@pytest.mark.parametrize("text", ["", "{", "3", '["x"]', '{"a": 1}', "[1]"])
def test_a_broken_memory_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "standing-ports.json").write_text(text)

    assert PhysicalPorts(tmp_path).guids == set()
