# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack_lab.demo.findings import (
    Findings,
    MachineFacts,
    check_ports,
    check_tables,
    member_node,
    membership_lines,
)
from ibstack_lab.fabric.tables import PortTable
from ibstack_lab.machine import Machine
from ibstack_lab.topology import ARTICLE

RED, BLUE = PartitionKey(1), PartitionKey(2)
DEFAULT = TableEntry.from_wire(0x7FFF)
MAC = "fa:16:3e:00:00:01"


def machine(name: str, host: str, pci: str = "0000:05:00.1") -> Machine:
    return Machine(name, f"id of {name}", host, MAC, pci, "ACTIVE", "id of a network")


def facts(name: str, host: str, key: PartitionKey, index: int) -> MachineFacts:
    booted = machine(name, host)
    return MachineFacts(
        booted,
        key,
        Guid.from_mac(MAC),
        TableEntry(key, True),
        member_node(booted, ARTICLE),
        index,
    )


def table(node: str, *entries: int) -> PortTable:
    read = (DEFAULT, *(TableEntry.from_wire(entry) for entry in entries))
    return PortTable(ARTICLE.host(node.split("-")[0]).port_guid, node, read)


MACHINES = (facts("vm1", "node002", RED, 1), facts("vm2", "node003", RED, 1))
TABLES = (
    table("head"),
    table("node002", 0x8001),
    table("node003"),
    table("node003-vf00", 0x8001),
)


def untrue(machines: tuple[MachineFacts, ...], tables: tuple[PortTable, ...]) -> list[str]:
    findings = Findings()
    check_ports(findings, machines)
    check_tables(findings, machines, tables)
    return findings.untrue


def test_what_is_as_it_should_be_is_true() -> None:
    assert untrue(MACHINES, TABLES) == []


def instead(node: str, *entries: int) -> tuple[PortTable, ...]:
    return tuple(table(node, *entries) if each.node == node else each for each in TABLES)


@pytest.mark.parametrize(
    ("tables", "found"),
    [
        (instead("node002"), "the table of node002 holds vm1's P_Key at index 1"),
        (instead("node002", 0x8005, 0x8001), "the table of node002 holds vm1's P_Key at index 1"),
        (instead("node002", 0x0001), "full members of partition 0x0001 are"),
        (instead("head", 0x8001), "full members of partition 0x0001 are"),
        (instead("head", 0x0001), "full members of partition 0x0001 are"),
        (TABLES[:-1], "the table of node003-vf00 holds vm2's P_Key"),
        ((*TABLES[:-1], replace(TABLES[-1], entries=None, why="no answer")), "every table of the"),
    ],
)
def test_a_table_that_is_wrong_is_found(tables: tuple[PortTable, ...], found: str) -> None:
    assert any(statement.startswith(found) for statement in untrue(MACHINES, tables))


@pytest.mark.parametrize(
    ("fact", "found"),
    [
        (replace(MACHINES[0], machine=replace(MACHINES[0].machine, status="DOWN")), "is ACTIVE"),
        (replace(MACHINES[0], guid=Guid(5)), "has the GUID that its MAC stands for"),
        (replace(MACHINES[0], guid=None), "has the GUID that its MAC stands for"),
        (replace(MACHINES[0], entry=TableEntry(RED, False)), "uses P_Key 0x8001"),
        (replace(MACHINES[0], entry=TableEntry(BLUE, True)), "uses P_Key 0x8001"),
        (replace(MACHINES[0], entry=None), "uses P_Key 0x8001"),
        (replace(MACHINES[0], index=None), "holds vm1's P_Key at index None"),
    ],
)
def test_a_port_that_is_wrong_is_found(fact: MachineFacts, found: str) -> None:
    assert any(found in statement for statement in untrue((fact, MACHINES[1]), TABLES))


def test_the_member_is_the_host_on_mlx4_and_the_vf_on_mlx5() -> None:
    assert member_node(machine("vm1", "node002", "0000:05:00.3"), ARTICLE) == "node002"
    assert member_node(machine("vm2", "node003", "0000:05:00.3"), ARTICLE) == "node003-vf02"


def test_who_is_a_member_is_told_from_the_tables() -> None:
    assert membership_lines(MACHINES, (*TABLES, table("node001", 0x0001))) == [
        "0x0001: node001 is a limited member, for ?",
        "0x0001: node002 is a full member, for vm1",
        "0x0001: node003-vf00 is a full member, for vm2",
    ]


def test_the_host_that_serves_dhcp_is_a_member_for_that() -> None:
    lines = membership_lines(MACHINES, (*TABLES, table("node001", 0x8001)), ["node001"])

    assert lines[0] == "0x0001: node001 is a full member, for DHCP"


def test_a_guest_that_could_be_a_subnet_manager_is_told() -> None:
    findings = Findings()
    check_ports(findings, [replace(MACHINES[0], smi=True), replace(MACHINES[1], smi=False)])

    assert findings.untrue == ["the VF of vm1 can be no subnet manager"]
    assert "the VF of vm2 can be no subnet manager" in findings.true
