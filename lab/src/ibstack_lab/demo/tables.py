# SPDX-License-Identifier: Apache-2.0
"""The demo's looks at ports and partition tables, before and after a machine is deleted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import PartitionKey
from ibstack.host.client.eswitch_client import EswitchClient
from ibstack_lab.demo.findings import (
    PORT_COLUMNS,
    Findings,
    MachineFacts,
    check_ports,
    check_tables,
    holders,
    member_node,
    membership_lines,
)
from ibstack_lab.fabric import tables as fabric_tables
from ibstack_lab.hosts.daemons import eswitchd_socket
from ibstack_lab.services import accounts

if TYPE_CHECKING:
    from ibstack_lab.compute import Compute
    from ibstack_lab.demo.stage import Stage
    from ibstack_lab.fabric.tables import PortTable
    from ibstack_lab.machine import Machine

_SETTLED_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.3
_LEGEND: Final = """\
A table entry is a partition key with the top bit set for a full member: 0x8001 is key 0x0001, full.
0x7fff is the default partition, limited: hosts reach its full members and not each other.
0xfff0 to 0xfff7 on a subnet manager's port: how ibstack-fabricd proves that its file is in force.
"""


class Tables:
    """Reads them anew each time."""

    def __init__(self, stage: Stage, compute: Compute) -> None:
        self._stage = stage
        self._cloud = stage.cloud
        self._compute = compute
        self._operator = stage.cloud.api(accounts.OPERATOR)

    def look(self) -> None:
        """Show and check the ports of all machines and the tables of the fabric."""
        self._stage.title("The ports: from Neutron, from the hosts, from the fabric")
        facts, tables = self._settled()
        self._stage.table(PORT_COLUMNS, [fact.row() for fact in facts])
        self._stage.title("The P_Key table of every port, read from the fabric")
        self._show(tables)
        self._stage.show(_LEGEND)
        for line in membership_lines(facts, tables, self._stage.dhcp_hosts):
            self._stage.show(line)
        check_ports(self._stage.findings, facts)
        check_tables(self._stage.findings, facts, tables, self._stage.dhcp_hosts)

    def delete(self, name: str) -> None:
        """Delete the machine *name*, which alone uses its key, and see that the key goes."""
        self._stage.title(f"{name} is deleted, and its key goes")
        machines = self._compute.machines()
        key = self._key(next(machine for machine in machines if machine.name == name))
        self._compute.delete(name)
        began = time.monotonic()
        while self._machines_holding(tables := self._read(), key):
            if time.monotonic() - began > _SETTLED_WITHIN_S:
                break
            time.sleep(_LOOK_EVERY_S)
        self._show(tables)
        gone = not self._machines_holding(tables, key)
        if gone:
            seconds = time.monotonic() - began
            self._stage.show(f"{key} is in no machine's table, {seconds:.1f} s after the delete")
        self._stage.findings.state(
            f"no port of a machine holds P_Key {key} after {name} is deleted", gone
        )
        self._check_others([each.name for each in machines if each.name != name], tables)

    def _check_others(self, names: list[str], tables: list[PortTable]) -> None:
        machines = self._compute.machines()
        left = [machine.name for machine in machines]
        self._stage.findings.state(f"{' and '.join(names)} are still there", left == names)
        after = Findings()
        facts = [self._facts(machine, tables) for machine in machines]
        check_tables(after, facts, tables, self._stage.dhcp_hosts)
        self._stage.findings.add(after, when="after the delete")

    def _settled(self) -> tuple[list[MachineFacts], list[PortTable]]:
        """Read all, again until it is as it should be: a guest's driver takes a moment to start."""
        deadline = time.monotonic() + _SETTLED_WITHIN_S
        while True:
            tables = self._read()
            facts = [self._facts(machine, tables) for machine in self._compute.machines()]
            findings = Findings()
            check_ports(findings, facts)
            check_tables(findings, facts, tables, self._stage.dhcp_hosts)
            if not findings.untrue or time.monotonic() > deadline:
                return facts, tables
            time.sleep(_LOOK_EVERY_S)

    def _machines_holding(self, tables: list[PortTable], key: PartitionKey) -> set[str]:
        """The host that serves DHCP stays a member as long as the network is there."""
        return holders(tables, key).keys() - set(self._stage.dhcp_hosts)

    def _read(self) -> list[PortTable]:
        return fabric_tables.read(self._cloud.fabric, self._cloud.topology.hosts[0].name)

    def _facts(self, machine: Machine, tables: list[PortTable]) -> MachineFacts:
        observed = EswitchClient(eswitchd_socket(self._cloud.lab, machine.host)).read()
        vf = next(vf for a in observed.adapters for vf in a.vfs if str(vf.pci) == machine.pci)
        member = member_node(machine, self._cloud.topology)
        index = vf.index
        if index is None:
            own = next((port.entries or () for port in tables if port.node == member), ())
            index = own.index(vf.entry) if vf.entry in own else None
        return MachineFacts(
            machine, self._key(machine), vf.guid, vf.entry, member, index, smi=vf.smi
        )

    def _key(self, machine: Machine) -> PartitionKey:
        network = self._operator.show("networks", machine.network_id)
        return PartitionKey(network["provider:segmentation_id"])

    def _show(self, tables: list[PortTable]) -> None:
        rows = [
            (
                port.node,
                str(port.guid),
                f"not known: {port.why}"
                if port.entries is None
                else " ".join(str(entry) if entry else "-" for entry in port.entries),
            )
            for port in tables
        ]
        self._stage.table(("port of", "guid", "entries, from index 0"), rows)
