# SPDX-License-Identifier: Apache-2.0
"""What is said of bound ports, and that a real database of Neutron's shape is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from ibstack.fabric.errors import BadInput, TryLater
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS
from ibstack.upgrade import database, other_ports
from ibstack.upgrade.check import Sources, check
from ibstack.upgrade.finding import Verdict
from ibstack.upgrade.known_cloud import KnownCloud, KnownPort, OtherPorts
from ibstack.upgrade.ports import judge

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.upgrade.finding import Finding

PORT = KnownPort(
    id="p1",
    mac="fa:16:3e:00:00:01",
    status="ACTIVE",
    host="node001",
    pci_slot="0000:05:00.1",
    network_type="vlan",
    physical_network="ib",
    segmentation_id=0x10,
)
KEEPS, CHANGES, DECIDE = Verdict.KEEPS, Verdict.CHANGES, Verdict.DECIDE


def judged(*ports: KnownPort, agent: str = "ibstack-agent", journal: int = 0) -> list[Finding]:
    cloud = KnownCloud(ports, {"node001": agent}, journal)
    return list(judge(cloud, DEFAULT_OWNED_KEYS, "database"))


def test_ports_that_go_on_are_one_line_for_each_host() -> None:
    other = replace(PORT, id="p2", mac="fa:16:3e:00:00:02", pci_slot="0000:05:00.2")
    (found,) = judged(PORT, other)

    assert (found.key, found.verdict) == ("host node001", KEEPS)
    assert found.value == "2 ports ACTIVE, agent ibstack-agent"


def test_a_host_that_is_not_upgraded_yet_says_what_comes_first() -> None:
    (found,) = judged(PORT, agent="neutron-mlnx-agent")

    assert found.verdict is CHANGES
    assert "before nova-compute" in found.to_do


@pytest.mark.parametrize(
    ("port", "verdict", "said"),
    [
        (replace(PORT, status="DOWN"), CHANGES, "if that serves it"),
        (replace(PORT, network_type="flat", segmentation_id=None), CHANGES, "flat network"),
        (replace(PORT, network_type="local"), DECIDE, "networks of type local"),
        (replace(PORT, network_type=None), DECIDE, "networks of type None"),
        (replace(PORT, segmentation_id=0x7FF0), DECIDE, "serves keys of 0x0001-0x7fef only"),
        (replace(PORT, segmentation_id=70000), DECIDE, "this one has 70000"),
        (replace(PORT, mac="01:00:5e:00:00:01"), DECIDE, "cannot serve it"),
        (replace(PORT, mac="00:14:05:00:00:01"), DECIDE, "cannot serve it"),
        (replace(PORT, pci_slot="05:zz"), DECIDE, "cannot serve it"),
        (replace(PORT, pci_slot=None), DECIDE, "which VF"),
    ],
)
def test_a_port(port: KnownPort, verdict: Verdict, said: str) -> None:
    found = judged(port)[0]

    assert (found.verdict, found.key) == (verdict, "port p1")
    assert said in found.ibstack


def test_a_vf_or_a_mac_that_two_ports_have_is_to_be_decided() -> None:
    same_vf = replace(PORT, id="p2", mac="fa:16:3e:00:00:02")
    same_mac = replace(PORT, id="p2", host="node002", pci_slot="0000:05:00.2")

    assert [f.verdict for f in judged(PORT, same_vf)[:2]] == [DECIDE, DECIDE]
    assert [f.verdict for f in judged(PORT, same_mac)[:2]] == [DECIDE, DECIDE]


def test_operations_that_ufm_has_not_heard_of_are_to_be_decided() -> None:
    assert judged(PORT, journal=3)[-1].value == "3 unfinished"


MACHINES = OtherPorts("baremetal", "other", "baremetal:none", "vlan", "ib", 17, 2)
OF_A_HOST = OtherPorts("normal", "other", "network:dhcp", "vlan", "ib", 16, 1)
FOREIGN = OtherPorts("normal", "ovs", "network:dhcp", "vlan", "ib", 17, 1)
ETHERNET = OtherPorts("normal", "ovs", "compute:nova", "vlan", "ethernet", 16, 1)


def other(*others: OtherPorts, ports: tuple[KnownPort, ...] = (PORT,)) -> list[Finding]:
    return list(other_ports.judge(KnownCloud(ports, {}, None, others), "database"))


@pytest.mark.parametrize(
    ("ports", "verdict", "key", "said"),
    [
        (MACHINES, DECIDE, "ports baremetal bound as other on ib", "no partition"),
        (OF_A_HOST, CHANGES, "ports normal bound as other on ib", "makes their host a member"),
        (replace(OF_A_HOST, device_owner="compute:nova"), DECIDE, "ports normal", "serves none"),
        (FOREIGN, DECIDE, "ports normal bound as ovs on ib", "serves none that is bound as ovs"),
    ],
)
def test_ports_that_are_no_vfs(ports: OtherPorts, verdict: Verdict, key: str, said: str) -> None:
    (found,) = other(ports)

    assert found.verdict is verdict
    assert found.key.startswith(key)
    assert said in found.ibstack
    assert found.to_do


def test_ports_of_one_kind_are_counted_on_one_line() -> None:
    many = [replace(MACHINES, segmentation_id=number, count=3) for number in range(100, 112)]
    (found,) = other(MACHINES, *many)

    assert found.value.startswith("38 ports in vlan 100, vlan 101, ")
    assert found.value.endswith(" and 3 more")


def test_ports_of_other_networks_get_no_line_but_machines_always_do() -> None:
    assert other(ETHERNET) == []
    assert len(other(MACHINES, ports=())) == 1


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with the columns that are read, spelled as Neutron's models spell them."""
    url = f"sqlite:///{tmp_path / 'neutron.db'}"
    profile = '{"pci_slot": "0000:05:00.1"}'
    with sa.create_engine(url).begin() as connection:
        for statement in (
            "CREATE TABLE ports (id, mac_address, status, device_owner)",
            "CREATE TABLE ml2_port_bindings (port_id, host, vif_type, status, profile, vnic_type)",
            "CREATE TABLE ml2_port_binding_levels (port_id, host, segment_id)",
            "CREATE TABLE networksegments (id, network_type, physical_network, segmentation_id)",
            "CREATE TABLE agents (host, `binary`, agent_type)",
            "CREATE TABLE mlnx_sdn_journal (state)",
            "INSERT INTO ports VALUES ('p1', 'FA:16:3e:00:00:01', 'ACTIVE', 'compute:nova'),"
            " ('p2', 'x', 'DOWN', 'compute:nova'), ('p3', 'x', 'ACTIVE', 'baremetal:none'),"
            " ('p4', 'x', 'ACTIVE', 'baremetal:none'), ('p5', 'x', 'ACTIVE', 'network:dhcp'),"
            " ('p6', 'x', 'ACTIVE', 'network:dhcp'), ('p7', 'x', 'DOWN', 'compute:nova')",
            f"INSERT INTO ml2_port_bindings VALUES"
            f" ('p1', 'node001', 'ib_hostdev', 'ACTIVE', '{profile}', 'direct'),"
            " ('p2', 'node001', 'ovs', 'ACTIVE', '', 'normal'),"
            " ('p3', 'm1', 'other', 'ACTIVE', '', 'baremetal'),"
            " ('p4', 'm2', 'other', 'ACTIVE', '', 'baremetal'),"
            " ('p5', 'net1', 'other', 'ACTIVE', '', 'normal'),"
            " ('p6', 'net1', 'ovs', 'ACTIVE', '', 'normal'),"
            " ('p7', '', 'unbound', 'ACTIVE', '', 'normal')",
            "INSERT INTO ml2_port_binding_levels VALUES ('p1', 'node001', 's1'),"
            " ('p2', 'node001', 's3'), ('p3', 'm1', 's2'), ('p4', 'm2', 's2'),"
            " ('p5', 'net1', 's1'), ('p6', 'net1', 's2')",
            "INSERT INTO networksegments VALUES ('s1', 'vlan', 'ib', 16), ('s2', 'vlan', 'ib', 17),"
            " ('s3', 'vlan', 'ethernet', 16)",
            "INSERT INTO agents VALUES ('node001', 'ibstack-agent', 'Mellanox plugin agent')",
            "INSERT INTO mlnx_sdn_journal VALUES ('completed'), ('pending')",
        ):
            connection.exec_driver_sql(statement)
    return url


def test_the_database_is_read(url: str) -> None:
    found = database.read(url)

    others = sorted(found.others, key=repr)
    assert replace(found, others=()) == KnownCloud([PORT], {"node001": "ibstack-agent"}, 1)
    assert others == sorted((MACHINES, OF_A_HOST, FOREIGN, ETHERNET), key=repr)


def test_a_partition_of_machines_alone_is_not_said_to_have_no_bound_port(
    url: str, tmp_path: Path
) -> None:
    conf = tmp_path / "partitions.conf"
    conf.write_text("red=0x10: ALL=full;\nblue=0x11: ALL=full;\ngreen=0x12: ALL=full;\n")

    said = {f.key: f.ibstack for f in check(Sources(database=url, partitions=conf)).findings}

    assert "from Neutron's ports" in said["partition 0x0010"]
    assert "no port that it serves" in said["partition 0x0011"]
    assert "no bound port" in said["partition 0x0012"]


def test_the_connection_is_neutrons(url: str, tmp_path: Path) -> None:
    conf = tmp_path / "neutron.conf"
    conf.write_text(f"[database]\nconnection = {url}\n")

    assert check(Sources(neutron=conf)) == check(Sources(database=url))
    conf.write_text("[DEFAULT]\n")
    answer = check(Sources(neutron=conf))
    assert (answer.exit_code, answer.findings) == (4, ())


def test_a_database_that_does_not_answer_is_not_known_and_no_password_is_told() -> None:
    url = "mysql+pymysql://neutron:hunter2@127.0.0.1:1/neutron"
    answer = check(Sources(database=url))

    assert answer.exit_code == 4
    assert "neutron:***@127.0.0.1" in answer.not_known[0]
    with pytest.raises(TryLater) as caught:
        database.read(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["hunter2", "nosuch://u:hunter2@h/n", "mysql+pymysql://u:hunter2@h:x/n"]
)
def test_a_connection_that_is_none_is_bad_input_and_is_not_repeated(url: str) -> None:
    with pytest.raises(BadInput, match="cannot read Neutron's database") as caught:
        database.read(url)
    assert "hunter2" not in str(caught.value)
