# SPDX-License-Identifier: Apache-2.0
"""What checks say of a fabric that is larger, less safe or more silent than the recorded one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.facts.evidence import FABRICD_CONF, OPENSM_CONF, PARTITIONS_CONF, Evidence, Missing
from ibstack.facts.fabric.observed import EnforcingPort, FabricPort, ObservedFabric, read_fabric
from ibstack.facts.fabric.recorded import dump, load
from ibstack.facts.site import Site
from ibstack.formats.partitions_conf.reading import read
from ibstack.mad import FabricMap, FabricReader, NodeType, NotKnown, PortRecord, PortState, SmState
from ibstack.verify.check import State
from ibstack.verify.fabric.files import full_in_default
from ibstack.verify.report import entries
from verify.judged import host_with, said_by

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.fabric.partition import PkeyTable

OK, FAILED, UNKNOWN = State.OK, State.FAILED, State.NOT_KNOWN
SWITCH = Guid(0x2C902F0000100)
OPEN, LIMITED = TableEntry.from_wire(0xFFFF), TableEntry.from_wire(0x7FFF)


def port(number: int, *entries: TableEntry | None, **more: Any) -> FabricPort:
    node = f"node{number:04d}"
    table = (*entries, *[None] * (64 - len(entries)))
    here = FabricPort(Guid(number), node, NodeType.CHANNEL_ADAPTER, number, True, table)
    return replace(here, **more)


def behind(end: FabricPort, *, enforces: bool, can: bool | None = True) -> EnforcingPort:
    return EnforcingPort(SWITCH, "sw1", end.lid, 1, enforces, end.guid, end.table, can)


def site(
    ports: Iterable[FabricPort], switch: Iterable[EnforcingPort] = (), *hosts: Evidence
) -> Site:
    return Site(
        {each.host: each for each in hosts}, ObservedFabric(tuple(ports), tuple(switch), ())
    )


def states(check: str, here: Site) -> list[State]:
    return [each.state for each in said_by(check, here)]


def test_1000_ports_that_fell_open_are_one_line() -> None:
    ports = [port(number, OPEN) for number in range(1, 1001)]

    (answer,) = entries(said_by("open-default", site(ports)))

    assert answer.check.state is FAILED
    assert answer.hosts[::999] == ("node0001", "node1000")
    assert answer.line().startswith("failed: node[0001-1000] port 0x")


@pytest.mark.parametrize("check", ["enforcement-on", "enforcement-capacity"])
def test_1000_ports_that_are_not_enforced_are_one_line(check: str) -> None:
    ports = [port(number, LIMITED, TableEntry.from_wire(1)) for number in range(1, 1001)]

    (answer,) = entries(said_by(check, site(ports, [behind(p, enforces=False) for p in ports])))

    assert (answer.check.state, len(answer.hosts)) == (FAILED, 1000)


@pytest.mark.parametrize(
    ("keys", "capacity", "state"),
    [
        (31, 32, OK),
        (32, 32, FAILED),  # They fit, and OpenSM switches the check off all the same.
        (33, 32, FAILED),
        (33, 33, OK),
        (34, 33, FAILED),
        (3, 2, FAILED),
    ],
)
def test_keys_fit_where_opensm_leaves_the_check_on(keys: int, capacity: int, state: State) -> None:
    end = port(1, *(TableEntry.from_wire(key) for key in range(1, keys + 1)))

    here = site([end], [replace(behind(end, enforces=True), capacity=capacity)])

    assert states("enforcement-capacity", here) == [state]


@pytest.mark.parametrize(
    ("can", "state"),
    [(True, FAILED), (False, UNKNOWN), (None, UNKNOWN)],
)
def test_enforcement_that_is_off_everywhere_fails_where_switches_could(
    can: bool | None, state: State
) -> None:
    ports = [port(1, LIMITED), port(2, LIMITED)]

    here = site(ports, [behind(each, enforces=False, can=can) for each in ports])

    assert states("enforcement-on", here) == [state, state]


def test_an_opensm_conf_that_cannot_be_read_is_told_of() -> None:
    host = host_with({FABRICD_CONF: "[fabric]\n", OPENSM_CONF: Missing("permission denied")})
    end = port(1, LIMITED)

    first = said_by("enforcement-on", site([end], [behind(end, enforces=True)], host))[0]

    assert (first.host, first.state, first.why) == (host.host, UNKNOWN, "permission denied")


MASTER = {"is_sm": True, "sm_state": SmState.MASTER}
STANDBY = {"is_sm": True, "sm_state": SmState.STANDBY}
SM_HOST = host_with({FABRICD_CONF: "[fabric]\n"}, "node0002")


def test_the_manager_in_office_and_the_hosts_that_are_known_to_have_one_may_be_open() -> None:
    ports = [port(1, OPEN, **MASTER), port(2, OPEN, **STANDBY), port(3, LIMITED)]

    assert states("open-default", site(ports, (), SM_HOST)) == [OK]


@pytest.mark.parametrize("claim", [STANDBY, {"is_sm": True}, MASTER])
def test_a_port_that_only_says_that_it_has_a_manager_may_not(claim: dict[str, object]) -> None:
    ports = [port(1, OPEN, **MASTER), port(2, OPEN, **STANDBY), port(3, OPEN, **claim)]

    answers = said_by("open-default", site(ports, (), SM_HOST))

    assert "node0003" in [each.host for each in answers if each.state is FAILED]


class SilentFabric:
    """A reader of a fabric whose one port says nothing of its table."""

    def __init__(self, why: str) -> None:
        self.why = why

    def discover(self) -> FabricMap:
        record = PortRecord(
            *(Guid(1), Guid(2), "node0001", NodeType.CHANNEL_ADAPTER, 1, 7, PortState.ACTIVE),
            *((1, 2), 64),
        )
        return FabricMap({record.guid: record}, (), ())

    def tables_of(self, ports: Iterable[PortRecord]) -> list[PkeyTable | NotKnown]:
        return [NotKnown(self.why) for _ in ports]


@pytest.mark.parametrize("way", ["LID 7", "directed route 0,1,2"])
def test_a_table_that_cannot_be_read_says_why_and_not_by_which_way(way: str) -> None:
    look = read_fabric(cast("FabricReader", SilentFabric(f"{way}: no answer, 3 tries")))

    for each in (look, load(dump(look), "fabric.json")):
        (answer,) = said_by("fabric-read", Site({}, each))
        assert answer.found == "its table could not be read: no answer, 3 tries"


def test_hosts_of_which_nothing_is_compared_fold() -> None:
    hosts = [host_with({FABRICD_CONF: "[fabric]\n"}, name) for name in ("head", "node0001")]
    texts = {**hosts[0].texts, "etc/opensm/partitions.conf": "Default=0x7fff:ALL;\n"}
    known = [replace(each, texts=texts) for each in hosts]
    managers = [port(number, LIMITED, **STANDBY) for number in (1, 2, 3)]

    answers = said_by("partitions-equal", site(managers, (), *known))

    unknown = [each for each in answers if each.state is UNKNOWN]
    assert [each.host for each in unknown] == ["head", "node0001"]
    assert entries(unknown)[0].hosts == ("head", "node0001")


CLOSED = "Default=0x7fff: ALL=limited, SELF=full;\n"


@pytest.mark.parametrize(
    ("text", "readable", "limited"),
    [
        (CLOSED, OK, OK),
        ("Default=0xffff,ipoib: ALL=full, SELF=full;\nDMZ=0x8001: ALL=full;\n", OK, FAILED),
        ("Default=0xffff,ipoib: ALL=limi;\n", OK, OK),
        ("Default=0x7fff,ipoib: ALL=f;\n", OK, FAILED),
        ("Default=0x7fff: ALL=;\n", FAILED, FAILED),
        ("Default=0x7fff,ipoib:\n mgid=ff12:401b::16 # all\n ALL=full;\n", OK, FAILED),
        (f"{CLOSED}a=0x1: node001;\n", FAILED, FAILED),
        (f"{CLOSED}a=0x1: 0x11\nb=0x2: 0x12;\n", FAILED, FAILED),
        ("# talk\n", FAILED, FAILED),
        (f"{CLOSED}a=0x1,ipoib,mtu=9: 0x11;\n", FAILED, OK),
        ("Default=0x7fff: ALL, mgid=ff12::16\n SELF=full;\n", UNKNOWN, UNKNOWN),
        ("Default=0x7fff: ALL=full, mgid=ff12::16\n SELF=full;\n", UNKNOWN, FAILED),
        (f"{CLOSED}Default=0x7fff: ALL_CAS=both;\n", FAILED, FAILED),
    ],
)
def test_a_partitions_file_is_judged_by_what_opensm_makes_of_it(
    text: str, readable: State, limited: State
) -> None:
    host = host_with({OPENSM_CONF: "part_enforce both\n", PARTITIONS_CONF: text})

    assert states("partitions-readable", site([], (), host)) == [readable]
    assert states("default-limited", site([], (), host)) == [limited]


def test_a_refused_line_is_named_with_its_file_and_what_it_does() -> None:
    text = f"{CLOSED}a=0x1: node001;\n"
    host = host_with({OPENSM_CONF: "part_enforce both\n", PARTITIONS_CONF: text})
    (answer,) = said_by("default-limited", site([], (), host))

    assert answer.found is not None
    assert "every port full" in answer.found
    assert f"/{PARTITIONS_CONF}:2: member 'node001'" in answer.found


def test_the_last_word_on_full_members_of_the_default_partition_counts() -> None:
    said = read(b"D=0x7fff: 0x11=full, 0x12=full; D=0x7fff: ALL=limited, 0x12=full;\n").statements

    assert full_in_default(said) == {Guid(0x12)}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Default=0x7fff,ipoib: ALL=limited;\n", "1 groups"),
        ("Default=0x7fff,ipoib: ALL=limited;\na=0x1,ipoib: 0x11;\nb=0x2: 0x11;\n", "2 groups"),
        ("Default=0x7fff,ipoib:\n mgid=ff12:401b::16\n mgid=ff12:601b::16\n ALL=limited;\n", "3"),
        ("Default=0x7fff,ipoib: ALL=limited;\nempty=0x1,ipoib: ;\n", "1 groups"),
        ("Default=0x7fff: ALL=limited;\nrefused=0x1,ipoib: node001;\n", None),
    ],
)
def test_groups_are_counted_as_opensm_makes_them(text: str, made: str | None) -> None:
    switch = port(1, node_type=NodeType.SWITCH, multicast_cap=2)
    head = host_with({PARTITIONS_CONF: text, OPENSM_CONF: "", FABRICD_CONF: ""}, "head")
    (check,) = said_by("multicast-capacity", site([switch], [], head))

    assert (check.found is None) == (made is None)
    assert made is None or str(check.found).startswith(made)
