# SPDX-License-Identifier: Apache-2.0
"""What the demo reads back, and whether it is what was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey, TableEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ibstack_lab.fabric.tables import PortTable
    from ibstack_lab.machine import Machine
    from ibstack_lab.topology import Topology


@dataclass
class Findings:
    """Statements about the cloud, each of them looked at."""

    true: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)

    def state(self, statement: str, holds: bool) -> None:
        (self.true if holds else self.untrue).append(statement)

    def add(self, later: Findings, *, when: str) -> None:
        """Take over the statements of a *later* look, saying when it was."""
        self.true += [f"{when}, {statement}" for statement in later.true]
        self.untrue += [f"{when}, {statement}" for statement in later.untrue]


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """One machine's port: Neutron's view, the host's, and the fabric's."""

    machine: Machine
    key: PartitionKey
    """Neutron's: the segmentation id of its network."""
    guid: Guid | None
    """Of the VF, read from the host; None: not set or not known."""
    entry: TableEntry | None
    """Of the VF, read from the host."""
    member: str
    """The node whose table decides: the host on mlx4, the VF on mlx5."""
    index: int | None
    """Where *entry* stands in that table: told by the host on mlx4, seen on the fabric on mlx5."""
    smi: bool | None = None
    """Whether the host lets the guest be a subnet manager; None where the adapter has no say."""

    def row(self) -> tuple[str, ...]:
        machine = self.machine
        told = (self.guid, self.entry, self.index)
        return (
            *(machine.name, machine.host, machine.pci, machine.mac),
            *("not known" if each is None else str(each) for each in told),
            machine.status,
        )


PORT_COLUMNS = ("name", "host", "pci", "mac", "guid", "p_key", "index", "status")


def holders(tables: Iterable[PortTable], key: PartitionKey) -> dict[str, TableEntry]:
    """Return by node name who holds an entry of *key*, and which."""
    return {
        port.node: entry
        for port in tables
        for entry in port.entries or ()
        if entry is not None and entry.partition == key
    }


def member_node(machine: Machine, topology: Topology) -> str:
    """Return the name of the node that is the partition's member for *machine*."""
    host = topology.host(machine.host)
    if host.kind is AdapterKind.MLX4:
        return host.name
    numbers = {str(host.vf_pci(number)): number for number in range(host.vfs)}
    return host.vf_node(numbers[machine.pci])


def check_ports(findings: Findings, facts: Sequence[MachineFacts]) -> None:
    for fact in facts:
        machine = fact.machine
        findings.state(f"the port of {machine.name} is ACTIVE", machine.status == "ACTIVE")
        findings.state(
            f"the VF of {machine.name} has the GUID that its MAC stands for",
            fact.guid == Guid.from_mac(machine.mac),
        )
        findings.state(
            f"the VF of {machine.name} uses P_Key {TableEntry(fact.key, True)}",
            fact.entry == TableEntry(fact.key, True),
        )
        if fact.smi is not None:
            findings.state(f"the VF of {machine.name} can be no subnet manager", not fact.smi)


def check_tables(
    findings: Findings,
    facts: Sequence[MachineFacts],
    tables: Sequence[PortTable],
    dhcp_hosts: Sequence[str] = (),
) -> None:
    """Compare what the fabric holds with what the machines should have, both ways.

    *dhcp_hosts*: the nodes that serve DHCP, and so are members of each machine's partition.
    """
    findings.state("every table of the fabric was read", all(p.entries is not None for p in tables))
    by_node = {port.node: port.entries or () for port in tables}
    for fact in facts:
        entries = by_node.get(fact.member, ())
        findings.state(
            f"the table of {fact.member} holds {fact.machine.name}'s P_Key at index {fact.index}",
            fact.index is not None
            and fact.index < len(entries)
            and entries[fact.index] == fact.entry is not None,
        )
    for key in sorted({fact.key for fact in facts}):
        members = {*dhcp_hosts, *(fact.member for fact in facts if fact.key == key)}
        wanted = dict.fromkeys(members, TableEntry(key, True))
        names = ", ".join(sorted(wanted))
        found = holders(tables, key)
        findings.state(
            f"full members of partition {key} are {names}, and nobody else is one", found == wanted
        )


def membership_lines(
    facts: Sequence[MachineFacts],
    tables: Sequence[PortTable],
    dhcp_hosts: Sequence[str] = (),
) -> list[str]:
    """Say who is a member of what, from the tables; whose machines use it, from the hosts."""
    lines = []
    for key in sorted({fact.key for fact in facts}):
        for node, entry in sorted(holders(tables, key).items()):
            users = [f.machine.name for f in facts if f.member == node and f.key == key]
            users += ["DHCP"] if node in dhcp_hosts else []
            lines.append(
                f"{key}: {node} is a {entry.membership.value} member, for {', '.join(users) or '?'}"
            )
    return lines
