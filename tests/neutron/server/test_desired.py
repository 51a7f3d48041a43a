# SPDX-License-Identifier: Apache-2.0
"""What a host and a fabric should have: the rules, without Neutron."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS
from ibstack.fabric.pci import unfold
from ibstack.neutron.protocol.agent_report import (
    ReportedAdapter,
    adapters,
    adapters_in,
    guids,
    left_in,
    served_networks,
)
from ibstack.neutron.protocol.replies import read_fabric_members, read_host_ports
from ibstack.neutron.server import desired
from ibstack.neutron.server.desired import AgentPort, BoundPort, FabricRows, HostRows, MemberPort
from ibstack.neutron.server.fabric_answer import fabric_answer, is_stamped
from ibstack.neutron.server.host_answer import host_answer

PF = Guid(0x0002C90300000031)
MLX4 = ReportedAdapter("ib", True, PF, unfold("0000:05:00.1-0000:05:00.4"))
SECOND_MLX4 = ReportedAdapter("ib", True, Guid(0x0002C90300000032), unfold("0000:06:00.1"))
MLX5 = ReportedAdapter("ib", False, Guid(0x0002C90300000041), unfold("0000:07:00.1"))

PORT = MemberPort(
    port_id="p1",
    mac="fa:16:3e:aa:bb:cc",
    host="node002",
    profile='{"pci_slot": "0000:05:00.1"}',
    segmentation_id=5,
)
BOUND = BoundPort(
    port_id="p1",
    network_id="n1",
    mac="fa:16:3e:aa:bb:cc",
    admin_state_up=True,
    status="DOWN",
    profile='{"pci_slot": "0000:05:00.1"}',
    binding="ACTIVE",
    network_type="vlan",
    physical_network="ib",
    segmentation_id=5,
    revision=3,
)


def fabric(
    ports: list[MemberPort],
    found: Mapping[str, tuple[ReportedAdapter, ...]],
    etag: str | None = None,
    own: Iterable[AgentPort] = (),
    waiting: Iterable[str] = (),
) -> Any:
    rows = FabricRows(ports, [*own], [*waiting], twins_of(ports), found)
    return fabric_answer(rows, desired.Fabric("ib", DEFAULT_OWNED_KEYS), etag, "then")


def twins_of(ports: list[MemberPort]) -> dict[str, str]:
    made = {port.port_id: port.port_id[::-1] for port in ports}
    return desired.duplicate_macs(desired.sharing_a_mac(ports), made)


def host(ports: list[BoundPort], *twins: str) -> Any:
    return host_answer(HostRows(ports, twins), DEFAULT_OWNED_KEYS, None)


def test_a_member_of_mlx4_is_the_physical_port_that_has_the_vf() -> None:
    answer = fabric([PORT], {"node002": (SECOND_MLX4, MLX4)})

    assert [(m["guid"], m["shared"]) for m in answer["members"]] == [(str(PF), True)]


def test_a_member_of_mlx5_is_the_vf() -> None:
    port = PORT._replace(profile='{"pci_slot": "0000:07:00.1"}')

    answer = fabric([port], {"node002": (MLX4, MLX5)})

    assert [(m["guid"], m["shared"]) for m in answer["members"]] == [("0xfa163e0000aabbcc", False)]


@pytest.mark.parametrize(
    ("port", "found", "why"),
    [
        (PORT, {}, "has never reported its adapters"),
        (PORT, {"node002": ()}, "reports no adapter of physical network ib with VF 0000:05:00.1"),
        (PORT, {"node002": (MLX5,)}, "with VF 0000:05:00.1"),
        (PORT, {"node002": (replace(MLX4, port_guid=None),)}, "is not known yet"),
        (PORT, {"node002": (replace(MLX4, physical_network="other"),)}, "reports no adapter"),
        (PORT._replace(profile=""), {"node002": (MLX4, SECOND_MLX4)}, "any adapter of host"),
        (PORT._replace(segmentation_id=0x7FF0), {"node002": (MLX4,)}, "outside 0x0001-0x7fef"),
        (PORT._replace(segmentation_id=None), {"node002": (MLX4,)}, "partition key 'None'"),
        (PORT._replace(mac="01:00:00:00:00:01"), {"node002": (MLX4,)}, "multicast"),
        (PORT._replace(profile='{"pci_slot": "x"}'), {"node002": (MLX4,)}, "PCI address 'x'"),
        (PORT._replace(profile='{"pci_slot": '), {"node002": (MLX4,)}, "Expecting value"),
    ],
)
def test_a_port_that_may_not_be_served_is_held_with_the_reason(
    port: MemberPort, found: dict[str, tuple[ReportedAdapter, ...]], why: str
) -> None:
    answer = fabric([port], found)

    assert answer["members"] == []
    (held,) = answer["held"]
    assert held["port_id"] == "p1"
    assert why in held["why"]


OWN_VF = PORT._replace(profile='{"pci_slot": "0000:07:00.1"}')


@pytest.mark.parametrize(
    ("port", "here"),
    [(PORT, (MLX4,)), (OWN_VF, (MLX5,)), (PORT._replace(profile=""), (MLX5, SECOND_MLX4))],
    ids=["mlx4", "mlx5", "any of its adapters"],
)
def test_what_two_hosts_report_brings_nothing_new_and_takes_nothing_away(
    port: MemberPort, here: tuple[ReportedAdapter, ...]
) -> None:
    d1 = AgentPort("d1", "node002", 5)
    quiet = fabric([port], {"node002": here[:1]}, own=[d1])
    assert "claims" not in quiet

    lying = replace(here[0], shares_table=True, vfs=frozenset())
    answer = fabric([port], {"node003": (lying,), "node002": here}, quiet["etag"], own=[d1])

    assert answer["members"] == []
    guid = str(here[0].port_guid)
    assert [(h["port_id"], h["host"], h["key"], h["why"]) for h in answer["held"]] == [
        (one, "node002", "0x0005", f"port GUID {guid} is reported by hosts node002, node003")
        for one in ("p1", "d1")
    ]
    assert answer["claims"] == [{"guid": guid, "hosts": ["node002", "node003"]}]
    (claim,) = read_fabric_members(answer, "test").claims
    assert f"hosts 'node002', 'node003' all report port GUID {guid}" in str(claim)


@pytest.mark.parametrize(
    "found",
    [
        {"node002": (MLX4, MLX4)},
        {"node002": (MLX4,), "node003": (replace(MLX4, physical_network="other"),)},
    ],
    ids=["twice by one host", "on another fabric"],
)
def test_nobody_else_claims_the_port(found: dict[str, tuple[ReportedAdapter, ...]]) -> None:
    answer = fabric([PORT._replace(profile="")], found)

    assert "claims" not in answer
    assert "port GUID" not in "".join(held["why"] for held in answer["held"])


def test_the_ports_of_each_host_are_told_once_all_of_them_are_known() -> None:
    unknown = replace(SECOND_MLX4, port_guid=None)
    found = {"node002": (MLX4, replace(MLX5, physical_network="other")), "node003": (MLX5,)}
    answer = fabric([], {**found, "node004": (SECOND_MLX4, unknown), "node005": ()})

    hosts = read_fabric_members(answer, "test").hosts
    assert hosts == {"node002": {PF: True}, "node003": {MLX5.port_guid: False}}


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"node002": ()},
        {"node002": (replace(MLX4, physical_network="other"),)},
        {"node002": (replace(MLX4, port_guid=None),)},
    ],
    ids=["never reported", "no adapter", "of another fabric", "no port GUID yet"],
)
def test_a_port_whose_adapter_is_not_known_is_told_with_what_it_may_keep(
    found: dict[str, tuple[ReportedAdapter, ...]],
) -> None:
    own = AgentPort("d1", "node002", 5)
    answer = fabric([PORT], found, own=[own])

    assert answer["members"] == []
    for held in answer["held"]:
        assert (held["host"], held["key"]) == ("node002", "0x0005")
    assert {held.port_id for held in read_fabric_members(answer, "test").held} == {"p1", "d1"}


@pytest.mark.parametrize(
    "port", [PORT._replace(segmentation_id=0x7FF0), PORT._replace(mac="01:00:00:00:00:01")]
)
def test_a_port_that_may_have_no_partition_keeps_none(port: MemberPort) -> None:
    (held,) = fabric([port], {})["held"]

    assert "key" not in held


def test_a_younger_twin_keeps_nothing() -> None:
    twin = PORT._replace(port_id="p0")

    answer = fabric([PORT, twin], {})

    assert sorted("key" in held for held in answer["held"]) == [False, True]


def test_without_a_pci_address_one_adapter_leaves_no_doubt() -> None:
    answer = fabric([PORT._replace(profile="")], {"node002": (MLX4,)})

    assert answer["members"][0]["guid"] == str(PF)


@pytest.mark.parametrize(
    ("made", "older", "younger"),
    [
        ({"p1": "2026-01-01 00:00:00", "p0": "2026-01-01 00:00:01"}, "p1", "p0"),
        ({"p1": "2026-01-01 00:00:01", "p0": "2026-01-01 00:00:00"}, "p0", "p1"),
        ({"p1": "2026-01-01 00:00:00", "p0": "2026-01-01 00:00:00"}, "p0", "p1"),
        ({}, "p0", "p1"),
    ],
)
def test_the_younger_of_two_with_one_mac_is_held(
    made: dict[str, str], older: str, younger: str
) -> None:
    ports = [PORT._replace(port_id="p0"), PORT, PORT._replace(port_id="p2", mac="fa:16:3e:0:0:1")]

    suspects = desired.sharing_a_mac(ports)

    assert [port.port_id for port in suspects] == ["p0", "p1"]
    assert desired.duplicate_macs(suspects, made) == {younger: older}


def test_a_host_is_not_told_of_a_port_that_cannot_be_meant_nor_of_a_twin() -> None:
    bad = replace(BOUND, segmentation_id=0x7FF0)

    assert host([bad])["ports"] == []
    assert host([BOUND], "p1")["ports"] == []


MACS = st.sampled_from(["fa:16:3e:00:00:01", "fa:16:3e:00:00:02", "ff:16:3e:00:00:01"])
PROFILES = st.sampled_from(["", '{"pci_slot": "0000:05:00.1"}', '{"pci_slot": "?"}'])
KEYS = st.sampled_from([None, 0, 1, 0x7FF0, 0x8000])
ports = st.lists(
    st.builds(
        MemberPort,
        port_id=st.sampled_from(["ax", "by", "cx", "dy"]),
        mac=MACS,
        host=st.sampled_from(["node002", "node003", "node004"]),
        profile=PROFILES,
        segmentation_id=KEYS,
    ),
    max_size=4,
    unique_by=lambda port: port.port_id,
)
bound = st.lists(
    st.builds(
        BoundPort,
        port_id=st.sampled_from(["a", "b", "c", "d"]),
        network_id=st.just("n1"),
        mac=MACS,
        admin_state_up=st.booleans(),
        status=st.sampled_from(["DOWN", "BUILD", "ACTIVE"]),
        profile=PROFILES,
        binding=st.sampled_from(["ACTIVE", "INACTIVE"]),
        network_type=st.sampled_from(["vlan", "flat"]),
        physical_network=st.just("ib"),
        segmentation_id=KEYS,
        revision=st.integers(0, 9),
    ),
    max_size=4,
    unique_by=lambda port: port.port_id,
)
KNOWN = {"node002": (MLX4,), "node003": (MLX5, MLX4)}


@given(ports, bound, st.randoms())
def test_the_order_of_the_rows_changes_nothing(
    found: list[MemberPort], on_host: list[BoundPort], chance: Any
) -> None:
    before = fabric(found, KNOWN), host(on_host)
    chance.shuffle(found)
    chance.shuffle(on_host)

    after = fabric(found, KNOWN), host(on_host)
    assert before == after


@given(ports)
def test_every_port_is_a_member_or_held_and_no_two_have_one_guid(
    found: list[MemberPort],
) -> None:
    answer = fabric(found, KNOWN)

    told = [m["port_id"] for m in answer["members"]] + [h["port_id"] for h in answer["held"]]
    assert sorted(told) == sorted(port.port_id for port in found)
    own = [m["guid"] for m in answer["members"] if not m["shared"]]
    assert len(own) == len(set(own))


@given(ports, bound)
def test_the_etag_says_nothing_new_and_answers_are_read_back(
    found: list[MemberPort], on_host: list[BoundPort]
) -> None:
    answer = fabric(found, KNOWN)

    assert fabric(found, KNOWN, answer["etag"]) == {**answer, "members": None}
    assert len(read_fabric_members(answer, "test").members or ()) == len(answer["members"])
    told = host(on_host)
    assert len(read_host_ports(told, "test").ports or ()) == len(told["ports"])


@given(ports)
def test_a_port_that_begins_to_wait_changes_the_etag(found: list[MemberPort]) -> None:
    before = fabric(found, KNOWN)["etag"]

    for port in found:
        assert fabric(found, KNOWN, before, waiting=[port.port_id])["members"] is not None
    assert fabric(found, KNOWN, before, waiting=["of another fabric"])["members"] is None


def test_what_an_agent_reports_in_a_shape_of_its_own_is_left_out() -> None:
    good = {"physical_network": "ib", "kind": "mlx4", "port_guid": str(PF), "vfs": "0000:05:00.1"}
    bad: list[Any] = [None, 7, {}, {**good, "port_guid": "x"}, {**good, "vfs": "x"}, {"kind": 1}]

    assert [a.port_guid for a in adapters({"adapters": [*bad, good]})] == [PF]
    assert adapters({}) == adapters({"adapters": None}) == adapters({"adapters": {}}) == ()
    assert adapters_in("") == adapters_in("[]") == adapters_in("{") == ()


def test_fabricd_names_the_physical_networks_that_it_serves() -> None:
    assert served_networks('{"physical_networks": ["ib", 7]}') == {"ib"}
    assert served_networks('{"adapters": [{"physical_network": "ib", "kind": "mlx5"}]}') == set()
    assert served_networks('{"physical_networks": null}') == frozenset()


def test_both_agent_types_name_guids_that_are_not_for_tenants() -> None:
    adapter = '{"physical_network": "ib", "kind": "mlx5", "port_guid": "0x2c90300000041"}'
    known = Guid(0x0002C90300000041)

    assert guids(f'{{"adapters": [{adapter}]}}') == {known}
    assert guids('{"reserved_guids": ["0002:c903:0000:0041", "x", 7]}') == {known}
    assert guids("nonsense") == frozenset()


OWN = AgentPort("d1", "node001", 5)


def test_a_dhcp_port_makes_every_adapter_of_its_host_a_member() -> None:
    second = replace(MLX5, port_guid=Guid(0x0002C90300000043))
    unknown, other = replace(MLX5, port_guid=None), replace(MLX5, physical_network="other")
    found = {"node001": (MLX4, MLX5, second, unknown, other)}

    answer = fabric([], found, own=[OWN])

    assert [m["guid"] for m in answer["members"]] == [
        "0x0002c90300000031",
        "0x0002c90300000041",
        "0x0002c90300000043",
    ]
    assert {(m["port_id"], m["host"], m["key"], m["shared"]) for m in answer["members"]} == {
        ("d1", "node001", "0x0005", True)
    }
    assert read_fabric_members(answer, "test").members is not None


@pytest.mark.parametrize(
    ("port", "found", "why"),
    [
        (OWN, {}, "has never reported its adapters"),
        (OWN, {"node001": (replace(MLX4, physical_network="other"),)}, "reports no adapter of"),
        (OWN, {"node001": (replace(MLX4, port_guid=None),)}, "the port GUID of no adapter"),
        (replace(OWN, segmentation_id=0x7FF0), {"node001": (MLX4,)}, "outside 0x0001-0x7fef"),
    ],
)
def test_a_dhcp_port_that_cannot_be_served_is_held_with_the_reason(
    port: AgentPort, found: dict[str, tuple[ReportedAdapter, ...]], why: str
) -> None:
    answer = fabric([PORT], found, own=[port])

    assert why in {held["port_id"]: held["why"] for held in answer["held"]}["d1"]
    assert answer["members"] == []


def test_a_move_to_a_host_of_the_same_kind_changes_the_etag() -> None:
    port = PORT._replace(profile='{"pci_slot": "0000:07:00.1"}')
    other = replace(MLX5, port_guid=Guid(0x0002C90300000043))
    found = {"node002": (MLX5,), "node003": (other,)}
    before = fabric([port], found)

    after = fabric([port._replace(host="node003")], found, before["etag"])

    assert [member["host"] for member in after["members"]] == ["node003"]


def test_vfs_that_are_attached_without_a_port_are_told_of_their_fabric() -> None:
    text = json.dumps(
        {
            "left": [
                "ib 0000:05:00.1 fa:16:3e:00:00:01",
                "other 0000:05:00.2 fa:16:3e:00:00:02",
                "ib nonsense fa:16:3e:00:00:03",
                "ib 0000:05:00.4",
                7,
            ]
        }
    )
    rows = FabricRows([], [], [], {}, {}, {"node002": left_in(text)})

    answer = fabric_answer(rows, desired.Fabric("ib", DEFAULT_OWNED_KEYS), None, "then")

    (vf,) = read_fabric_members(answer, "test").left
    assert (vf.host, str(vf.pci), vf.guid) == (
        *("node002", "0000:05:00.1"),
        Guid.from_mac("fa:16:3e:00:00:01"),
    )
    assert (left_in("{}"), left_in('{"left": 3}'), left_in("no json")) == ((), (), ())


def test_a_port_that_is_bound_anew_keeps_its_membership_and_its_answer_is_never_stamped() -> None:
    rows = FabricRows([], [], [], {}, {}, rebinding=[PORT, PORT._replace(segmentation_id=0x7FF0)])

    answer = fabric_answer(rows, desired.Fabric("ib", DEFAULT_OWNED_KEYS), None, "then")

    (held,) = read_fabric_members(answer, "test").held
    assert (held.port_id, held.host, str(held.key)) == ("p1", "node002", "0x0005")
    assert answer["etag"].startswith("-")
    assert not is_stamped(answer["etag"], "then")


def test_a_host_is_told_of_a_port_that_is_bound_anew_once_for_each_segment() -> None:
    rows = HostRows([], (), [BOUND, replace(BOUND, segmentation_id=6)])

    answer = host_answer(rows, DEFAULT_OWNED_KEYS, None)

    told = read_host_ports(answer, "test")
    assert told.ports == ()
    assert [str(port.entry) for port in told.rebinding] == ["0x8005", "0x8006"]
    assert host_answer(rows, DEFAULT_OWNED_KEYS, answer["etag"])["ports"] is None
    assert host([])["etag"] != answer["etag"]
