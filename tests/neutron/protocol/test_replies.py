# SPDX-License-Identifier: Apache-2.0
"""Neutron's answers are read strictly: anything else is BadReply, and never a crash."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.member import Member
from ibstack.fabric.partition import DEFAULT_PARTITION, Membership, PartitionKey, TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack.neutron.protocol.replies import (
    BadReply,
    FabricMembers,
    Held,
    HostPort,
    HostPorts,
    HostReport,
    read_fabric_members,
    read_host_ports,
    read_host_report,
    read_unknown,
)

PORT: dict[str, Any] = {
    "id": "p1",
    "network_id": "n1",
    "mac": "fa:16:3e:aa:bb:cc",
    "guid": "0xfa163e0000aabbcc",
    "pci": "0000:05:00.1",
    "physical_network": "ib",
    "entry": "0x8001",
    "admin_state_up": True,
    "status": "DOWN",
    "binding": "ACTIVE",
    "revision": 3,
}
MEMBER: dict[str, Any] = {
    "port_id": "p1",
    "host": "node002",
    "guid": "0x0002c90300000031",
    "key": "0x0001",
    "membership": "full",
    "shared": True,
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def test_a_port_is_read() -> None:
    assert read_host_ports({"etag": "e", "ports": [PORT]}, "test") == HostPorts(
        "e",
        (
            HostPort(
                port_id="p1",
                network_id="n1",
                mac="fa:16:3e:aa:bb:cc",
                guid=Guid(0xFA163E0000AABBCC),
                pci=PciAddress.parse("0000:05:00.1"),
                physical_network="ib",
                entry=TableEntry(PartitionKey(1), True),
                admin_state_up=True,
                status="DOWN",
                active=True,
                revision=3,
            ),
        ),
    )


def test_a_member_is_read() -> None:
    answer = {"etag": "e", "members": [MEMBER], "held": [{"port_id": "p2", "why": "so"}]}

    assert read_fabric_members(answer, "test") == FabricMembers(
        "e",
        (
            Member(
                "p1", "node002", Guid(0x0002C90300000031), PartitionKey(1), Membership.FULL, True
            ),
        ),
        (Held("p2", "so"),),
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shared": 1}, "shared: expected true or false, got 1"),
        ({"host": ["node002"]}, "host: expected a string"),
        ({"key": "0x0000"}, "partition key"),
    ],
)
def test_a_member_of_the_wrong_shape_is_named_also_after_a_good_one(
    change: dict[str, Any], said: str
) -> None:
    read_fabric_members({"etag": "e", "members": [MEMBER], "held": []}, "test")

    with pytest.raises(BadReply, match=said):
        read_fabric_members({"etag": "e", "members": [MEMBER | change], "held": []}, "test")


def test_nothing_new_is_not_the_same_as_none() -> None:
    assert read_host_ports({"etag": "e", "ports": None}, "test").ports is None
    assert read_host_ports({"etag": "e", "ports": []}, "test").ports == ()
    assert read_fabric_members({"etag": "e", "members": None, "held": []}, "test").members is None


def test_a_port_without_a_vf_and_one_of_the_default_partition_are_read() -> None:
    row = {**PORT, "pci": None, "entry": "0x7fff", "binding": "INACTIVE"}

    (port,) = read_host_ports({"etag": "e", "ports": [row]}, "test").ports or ()

    assert port.pci is None
    assert port.entry == TableEntry(DEFAULT_PARTITION, False)
    assert not port.active


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"guid": "x"}, "GUID 'x'"),
        ({"guid": None}, "guid: expected a string"),
        ({"entry": "0x0000"}, "it is empty"),
        ({"entry": "0x18001"}, "must fit in 16 bits"),
        ({"entry": "zz"}, "expected 0x0001"),
        ({"pci": 7}, "pci: expected a string"),
        ({"revision": True}, "revision: expected a whole number"),
        ({"admin_state_up": 1}, "admin_state_up: expected true or false"),
    ],
)
def test_a_port_of_the_wrong_shape_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadReply, match=said) as caught:
        read_host_ports({"etag": "e", "ports": [{**PORT, **change}]}, "ask")

    assert str(caught.value).startswith("cannot ask: the answer of Neutron cannot be read: ")
    assert isinstance(caught.value, TryLater)


@pytest.mark.parametrize("name", sorted(PORT))
def test_what_is_missing_is_named(name: str) -> None:
    row = {key: value for key, value in PORT.items() if key != name}

    with pytest.raises(BadReply, match=f"it has no '{name}'"):
        read_host_ports({"etag": "e", "ports": [row]}, "ask")


def test_what_a_later_release_adds_is_ignored() -> None:
    assert read_host_ports({"etag": "e", "ports": [{**PORT, "new": 1}], "more": 2}, "test").ports


def test_the_answer_to_a_report_is_read() -> None:
    answer = {"unknown": ["p1"], "down": {"p2": ["DHCP", "IB_FABRIC"], "p3": []}}

    assert read_host_report(answer, "tell") == HostReport(
        frozenset({"p1"}), {"p2": ("DHCP", "IB_FABRIC"), "p3": ()}
    )


def test_a_former_release_does_not_say_what_is_down() -> None:
    assert read_host_report({"unknown": []}, "tell") == HostReport(frozenset())


@pytest.mark.parametrize("down", [None, ["p1"], {"p1": "DHCP"}, {"p1": [1]}])
def test_what_is_down_is_read_strictly(down: Any) -> None:
    with pytest.raises(BadReply, match="cannot tell: the answer of Neutron cannot be read"):
        read_host_report({"unknown": [], "down": down}, "tell")


@given(
    anything,
    st.sampled_from([read_host_ports, read_fabric_members, read_host_report, read_unknown]),
)
def test_no_answer_crashes_the_reader(raw: Any, read: Any) -> None:
    with contextlib.suppress(BadReply):
        read(raw, "ask")


@given(st.dictionaries(st.sampled_from(sorted(PORT)), anything))
def test_no_row_crashes_the_reader(change: dict[str, Any]) -> None:
    with contextlib.suppress(BadReply):
        read_host_ports({"etag": "e", "ports": [{**PORT, **change}]}, "ask")
