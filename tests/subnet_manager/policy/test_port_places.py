# SPDX-License-Identifier: Apache-2.0
"""What hosts report, held against which node has a port GUID on the fabric, and where."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.guid import Guid
from ibstack.fabric.member import Member
from ibstack.fabric.partition import Membership, Partition, PartitionKey
from ibstack.subnet_manager.policy.claims import Claims
from ibstack.subnet_manager.policy.known_ports import KnownPorts, PortPlace
from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts
from ibstack.subnet_manager.reconcile.pass_context import Desired

if TYPE_CHECKING:
    from pathlib import Path

RED, BLUE = PartitionKey(1), PartitionKey(2)
A, B, VF = Guid(0xA1), Guid(0xB1), Guid(0xFA163E0000000001)
NODE_A, NODE_B = Guid(0xA0), Guid(0xB0)
LEAF = Guid(0x50)
AT_1, AT_2 = PortPlace(NODE_A, LEAF, 1), PortPlace(NODE_B, LEAF, 2)
SEEN = KnownPorts(places={A: AT_1, B: AT_2}, names={A: "node001 mlx4_0", B: "node002 mlx4_0"})


def member(port: str, guid: Guid, host: str, key: PartitionKey = RED, *, shared: bool = True
) -> Member:  # fmt: skip
    return Member(port, host, guid, key, Membership.FULL, shared)


def desired(*members: Member, **hosts: dict[Guid, bool]) -> Desired:
    return Desired("e", members, hosts=hosts)


def judged(known: KnownHosts, wanted: Desired, seen: KnownPorts) -> tuple[set[str], str]:
    """Return which ports are served, where A is a member of RED already, and the alarms."""
    found = known.judge(wanted, seen)
    published = {RED: Partition(RED, {A: Membership.FULL})}
    claims = Claims(doubted=found.doubted, published=published, shared_before=frozenset({A}))
    served = {one.port_id for one in found.members if claims.why_not(one) is None}
    return served, "\n".join(found.alarms)


@pytest.fixture
def known(tmp_path: Path) -> KnownHosts:
    """Knows both hosts, and that p1 is a member by A."""
    found = KnownHosts(tmp_path, {})
    assert judged(found, desired(member("p1", A, "node001"), **BOTH), SEEN) == ({"p1"}, "")
    return found


BOTH = {"node001": {A: True}, "node002": {B: True}}
MORE = desired(member("p1", A, "node001"), member("p2", A, "node001", BLUE), **BOTH)
"""A second network of node001's: nothing new comes in where its port is in doubt."""


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    ("seen", "in_force", "said"),
    [
        (SEEN, {"p1", "p2"}, ""),
        (KnownPorts(), {"p1", "p2"}, ""),
        (replace(SEEN, places={B: AT_2}), {"p1", "p2"}, ""),
        (replace(SEEN, places={A: PortPlace(NODE_A)}), {"p1", "p2"}, ""),
        (replace(SEEN, places={A: PortPlace(NODE_A, LEAF, 9)}), {"p1", "p2"}, "is at port 9 of"),
        (replace(SEEN, places={A: PortPlace(Guid(0xC0), LEAF, 1)}), {"p1"}, "of node 0x0000000000"),
        (replace(SEEN, places={A: PortPlace(None, LEAF, 1)}), {"p1", "p2"}, ""),
        (replace(SEEN, doubled=frozenset({A})), {"p1"}, "is at several places"),
    ],
    ids=["as it was", "no walk", "it is off", "no cable seen", "its cable was moved",
         "another node has its GUID", "a node without a GUID", "at two places"],
)  # fmt: skip
def test_what_is_new_is_held_where_another_adapter_may_have_the_port(
    tmp_path: Path,
    known: KnownHosts,
    restart: bool,
    seen: KnownPorts,
    in_force: set[str],
    said: str,
) -> None:
    if restart:
        known = KnownHosts(tmp_path, {})

    found, alarms = judged(known, MORE, seen)

    assert found == in_force
    assert said in alarms
    assert bool(said) is bool(alarms)


def test_the_alarm_is_over_when_the_port_is_back_or_its_new_place_is_accepted(
    known: KnownHosts,
) -> None:
    moved = replace(SEEN, places={A: PortPlace(NODE_A, LEAF, 9), B: AT_2})
    assert "and was at port 1 of switch" in judged(known, MORE, moved)[1]
    assert judged(known, MORE, SEEN) == ({"p1", "p2"}, "")

    swapped = replace(SEEN, places={A: PortPlace(Guid(0xC0), LEAF, 9), B: AT_2})
    assert "nothing new is admitted by it" in judged(known, MORE, swapped)[1]
    known.accept("node001")
    assert known.obey(MORE)
    assert judged(known, MORE, swapped) == ({"p1", "p2"}, "")
    assert "was of node 0x00000000000000c0" in judged(known, MORE, SEEN)[1]


def test_a_vf_with_a_guid_of_its_own_goes_on_while_its_adapters_port_is_in_doubt(
    tmp_path: Path,
) -> None:
    known = KnownHosts(tmp_path, {})
    known.judge(desired(**{"node001": {A: False}}), SEEN)
    wanted = desired(member("p1", VF, "node001", shared=False), **{"node001": {A: False}})

    found, alarms = judged(known, wanted, replace(SEEN, doubled=frozenset({A})))

    assert found == {"p1"}
    assert "at several places" in alarms


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (replace(SEEN, switches=frozenset({B})), "is a switch's"),
        (replace(SEEN, doubled=frozenset({B})), "is at several places"),
        (replace(SEEN, places={A: AT_1, B: PortPlace(NODE_A, LEAF, 2)}), "of host 'node001'"),
        (replace(SEEN, names={B: "node001 mlx4_1"}), "says that it is host 'node001''s"),
    ],
    ids=["a switch", "at two places", "another host's adapter", "another host's name"],
)
def test_a_host_that_is_seen_first_has_no_port_that_the_fabric_shows_to_be_anothers(
    tmp_path: Path, seen: KnownPorts, why: str
) -> None:
    known = KnownHosts(tmp_path, {})
    known.judge(desired(**{"node001": {A: True}}), seen)

    found, alarms = judged(known, desired(member("p", B, "thief"), **{"thief": {B: True}}), seen)

    assert found == set()
    assert f"host 'thief' reports port GUID {B}, which {why}" in alarms or why in alarms


def test_an_adapter_that_two_hosts_report_at_once_is_neithers(tmp_path: Path) -> None:
    one = replace(SEEN, places={A: AT_1, B: PortPlace(NODE_A, LEAF, 2)}, names={})
    known = KnownHosts(tmp_path, {})
    wanted = desired(member("p1", A, "node001"), member("p2", B, "node002"), **BOTH)

    assert judged(known, wanted, one)[0] == set()


def test_a_name_that_is_no_hosts_is_nothing_against_a_port(tmp_path: Path) -> None:
    seen = replace(SEEN, names={A: "MT25408 ConnectX Mellanox Technologies"})

    assert judged(KnownHosts(tmp_path, {}), MORE, seen) == ({"p1", "p2"}, "")


def test_a_file_of_an_earlier_release_learns_the_places(tmp_path: Path, known: KnownHosts) -> None:
    file = tmp_path / "known_hosts.json"
    text = file.read_text()
    file.write_text(text[: text.index(',\n"places"')] + "\n}")
    assert judged(KnownHosts(tmp_path, {}), MORE, SEEN) == ({"p1", "p2"}, "")

    assert file.read_text() == text
