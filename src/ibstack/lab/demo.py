# SPDX-License-Identifier: Apache-2.0
"""The demo: from `openstack network create` to the tables of the fabric, each step read back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError
from ibstack.fabric.partition import PartitionKey
from ibstack.host.eswitch_client import EswitchClient
from ibstack.lab import accounts, fabric_tables
from ibstack.lab.compute import Compute
from ibstack.lab.daemons import eswitchd_socket
from ibstack.lab.findings import (
    PORT_COLUMNS,
    Findings,
    MachineFacts,
    check_ports,
    check_tables,
    holders,
    member_node,
    membership_lines,
)
from ibstack.lab.openstack_client import OpenstackClient, OpenstackClients
from ibstack.lab.text_table import text_table
from ibstack.lab.topology import PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack.lab.accounts import Account
    from ibstack.lab.cloud import Cloud
    from ibstack.lab.compute import Machine
    from ibstack.lab.fabric_tables import PortTable

_SETTLED_WITHIN_S: Final = 15.0
_LOOK_EVERY_S: Final = 0.3

_PROVIDER: Final = (
    f"--provider-network-type vlan --provider-physical-network {PHYSICAL_NETWORK}"
    " --provider-segment {key}"
)
_SHOWN: Final = "-c name -c provider:segmentation_id -c shared -c id"
_NETWORKS: Final = (
    f"network create ibnetwork --share {_PROVIDER.format(key=1)} {_SHOWN}",
    "subnet create ibsubnet --network ibnetwork --subnet-range 192.168.80.0/24 -c name -c cidr",
    f"network create othernetwork --project other {_PROVIDER.format(key=2)} {_SHOWN}",
    "subnet create othersubnet --project other --network othernetwork"
    " --subnet-range 192.168.81.0/24 -c name -c cidr",
)
_MACHINES: Final = (
    ("vnode001", "ibnetwork", "node002", accounts.DEMO),
    ("vnode002", "ibnetwork", "node003", accounts.DEMO),
    ("vnode003", "othernetwork", "node002", accounts.OTHER),
)
_USERS: Final = (accounts.OPERATOR, *accounts.TENANTS)
_DELETED: Final = "vnode003"


class Demo:
    """One run; it needs the topology of the article."""

    def __init__(self, cloud: Cloud, show: Callable[[str], None] = print) -> None:
        self._cloud = cloud
        self._show = show
        self._findings = Findings()
        self._began = time.monotonic()

    def run(self) -> int:
        """Bring the lab up, show, take it down; return 0 if all that was shown is true."""
        logs = self._cloud.lab.logs
        self._cloud.down()  # What an earlier demo that was killed left.
        clients = OpenstackClients(len(_USERS))
        try:
            self._cloud.up()
            environments = [self._cloud.client_env(user) for user in _USERS]
            self._perform(dict(zip(_USERS, clients.sign_in(environments), strict=True)))
        except IbstackError as error:
            raise IbstackError(f"{error}\nthe lab's logs are kept in {logs}") from error
        finally:
            clients.close()
            self._cloud.down()
        return self._conclude()

    def _perform(self, users: Mapping[Account, OpenstackClient]) -> None:
        operator = users[accounts.OPERATOR]
        self._title("The operator makes two networks; the P_Key is the segment")
        for command in _NETWORKS:
            self._openstack(operator, accounts.OPERATOR, command)
        self._title("Tenants make ports, and boot a machine with each")
        compute = Compute(self._cloud)
        for name, network, host, tenant in _MACHINES:
            self._boot(compute, users[tenant], (name, network, host), tenant)
        self._title("The agents")
        self._openstack(operator, accounts.OPERATOR, "network agent list")
        self._check_agents()
        self._look(compute)
        self._delete(compute)

    def _openstack(self, client: OpenstackClient, user: Account, command: str) -> None:
        self._show(f"{user.name}$ openstack {command}")
        self._show(client.run(command))

    def _boot(
        self,
        compute: Compute,
        client: OpenstackClient,
        what: tuple[str, str, str],
        tenant: Account,
    ) -> None:
        name, network, host = what
        command = f"port create {name} --network {network} --vnic-type direct -c name -c id"
        self._openstack(client, tenant, command)
        port = self._cloud.api(tenant).find("ports", name)
        machine, seconds = compute.boot_with_port(name, port["id"], host)
        self._show(
            f"nova: {name} runs on {host} with VF {machine.pci};"
            f" from plug to ACTIVE it took {seconds:.2f} s\n"
        )

    def _look(self, compute: Compute) -> None:
        self._title("The ports: from Neutron, from the hosts, from the fabric")
        facts, tables = self._settled(compute)
        self._show(text_table(PORT_COLUMNS, [fact.row() for fact in facts]))
        self._title("The P_Key table of every port, read from the fabric")
        self._show_tables(tables)
        for line in membership_lines(facts, tables):
            self._show(line)
        check_ports(self._findings, facts)
        check_tables(self._findings, facts, tables)

    def _settled(self, compute: Compute) -> tuple[list[MachineFacts], list[PortTable]]:
        """Read all, again until it is as it should be: a guest's driver takes a moment to start."""
        deadline = time.monotonic() + _SETTLED_WITHIN_S
        while True:
            tables = self._tables()
            facts = [self._facts(machine, tables) for machine in compute.machines()]
            findings = Findings()
            check_ports(findings, facts)
            check_tables(findings, facts, tables)
            if not findings.untrue or time.monotonic() > deadline:
                return facts, tables
            time.sleep(_LOOK_EVERY_S)

    def _delete(self, compute: Compute) -> None:
        self._title(f"{_DELETED} is deleted, and its key goes")
        key = self._key(compute, _DELETED)
        compute.delete(_DELETED)
        began = time.monotonic()
        while holders(tables := self._tables(), key):
            if time.monotonic() - began > _SETTLED_WITHIN_S:
                break
            time.sleep(_LOOK_EVERY_S)
        self._show_tables(tables)
        gone = not holders(tables, key)
        if gone:
            self._show(f"{key} is in no table, {time.monotonic() - began:.1f} s after the delete")
        self._findings.state(f"no port holds P_Key {key} after {_DELETED} is deleted", gone)
        names = sorted(machine.name for machine in compute.machines())
        left = sorted(name for name, *_rest in _MACHINES if name != _DELETED)
        self._findings.state(f"{' and '.join(left)} are still there", names == left)
        facts = [self._facts(machine, tables) for machine in compute.machines()]
        after = Findings()
        check_tables(after, facts, tables)
        self._findings.add(after, when="after the delete")

    def _conclude(self) -> int:
        self._title("What was looked at")
        for statement in self._findings.true:
            self._show(f"true      {statement}")
        for statement in self._findings.untrue:
            self._show(f"NOT TRUE  {statement}")
        seconds = time.monotonic() - self._began
        untrue = len(self._findings.untrue)
        verdict = f"{untrue} NOT true" if untrue else "all true"
        self._show(f"\n{len(self._findings.true) + untrue} statements, {verdict}; {seconds:.0f} s")
        if untrue:
            self._show(f"the lab's logs are kept in {self._cloud.lab.logs}")
        return 1 if untrue else 0

    # Reading back.

    def _check_agents(self) -> None:
        agents = self._cloud.api(accounts.OPERATOR).list("agents")
        found = {(agent["binary"], agent["host"]) for agent in agents if agent["alive"]}
        topology = self._cloud.topology
        wanted = {("ibstack-agent", host.name) for host in topology.compute_hosts}
        wanted |= {("ibstack-fabricd", host.name) for host in topology.subnet_manager_hosts}
        self._findings.state(f"all {len(wanted)} agents are alive", found == wanted)

    def _tables(self) -> list[PortTable]:
        return fabric_tables.read(self._cloud.fabric, self._cloud.topology.hosts[0].name)

    def _facts(self, machine: Machine, tables: list[PortTable]) -> MachineFacts:
        network = self._cloud.api(accounts.OPERATOR).show("networks", machine.network_id)
        observed = EswitchClient(eswitchd_socket(self._cloud.lab, machine.host)).read()
        vf = next(vf for a in observed.adapters for vf in a.vfs if str(vf.pci) == machine.pci)
        member = member_node(machine, self._cloud.topology)
        index = vf.index
        if index is None:
            own = next((port.entries or () for port in tables if port.node == member), ())
            index = own.index(vf.entry) if vf.entry in own else None
        return MachineFacts(
            machine,
            PartitionKey(network["provider:segmentation_id"]),
            vf.guid,
            vf.entry,
            member,
            index,
        )

    def _key(self, compute: Compute, name: str) -> PartitionKey:
        machine = next(machine for machine in compute.machines() if machine.name == name)
        network = self._cloud.api(accounts.OPERATOR).show("networks", machine.network_id)
        return PartitionKey(network["provider:segmentation_id"])

    # Showing.

    def _show_tables(self, tables: list[PortTable]) -> None:
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
        self._show(text_table(("port of", "guid", "entries, from index 0"), rows))

    def _title(self, text: str) -> None:
        self._show(f"\n{text}\n{'-' * len(text)}")
