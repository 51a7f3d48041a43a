# SPDX-License-Identifier: Apache-2.0
"""The demo from beginning to end: up, the job, what is true, down."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError
from ibstack_lab.demo.guests import Guests
from ibstack_lab.demo.stage import Stage
from ibstack_lab.demo.tables import Tables
from ibstack_lab.demo.verified import verify_all
from ibstack_lab.guests.dhcp_clients import DhcpClient
from ibstack_lab.services import accounts, dhcp_agent
from ibstack_lab.services.openstack_client import OpenstackClient, OpenstackClients
from ibstack_lab.topology import PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.compute import Compute
    from ibstack_lab.machine import Machine
    from ibstack_lab.services.accounts import Account

_INTRODUCTION: Final = """\
A cloud of its own starts on this machine: a controller, two subnet managers (head and node001),
two hosts with virtual functions (node002: ConnectX-3, node003: ConnectX-6). Neutron, Keystone,
OpenSM, dnsmasq, Open MPI and ibstack are real; the wires and the silicon are simulated.
"""
_PROVIDER: Final = (
    f"--provider-network-type vlan --provider-physical-network {PHYSICAL_NETWORK}"
    " --provider-segment {key}"
)
_SHOWN: Final = "-c name -c provider:segmentation_id -c mtu"
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
_CLIENTS: Final = {"vnode002": DhcpClient.NETWORK_MANAGER}
"""What asks for an address; elsewhere systemd-networkd does."""
_USERS: Final = (accounts.OPERATOR, *accounts.TENANTS)
_DELETED: Final = "vnode003"


class Demo:
    """One run; it needs the topology of the article."""

    def __init__(self, cloud: Cloud, show: Callable[[str], None] = print) -> None:
        self._cloud = cloud
        self._stage = Stage(cloud, show)
        self._began = time.monotonic()

    def run(self) -> int:
        """Bring the lab up, show, take it down; return 0 if all that was shown is true."""
        logs = self._cloud.lab.logs
        self._stage.show(_INTRODUCTION)
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
        stage, operator = self._stage, users[accounts.OPERATOR]
        stage.title("The operator makes two networks; the P_Key is the segment")
        for command in _NETWORKS:
            stage.openstack(operator, accounts.OPERATOR, command)
        compute = stage.compute()
        self._boot_all(compute, users)
        stage.title("The agents")
        stage.openstack(operator, accounts.OPERATOR, "network agent list")
        self._check_agents()
        tables = Tables(stage, compute)
        tables.look()
        guests = Guests(stage, compute)
        guests.addresses()
        guests.other_clients()
        guests.pings()
        guests.mpi_job(*(name for name, network, *_rest in _MACHINES if network == "ibnetwork"))
        guests.management()
        verify_all(stage)
        tables.delete(_DELETED)

    def _boot_all(self, compute: Compute, users: Mapping[Account, OpenstackClient]) -> None:
        self._stage.title("Tenants make ports, and boot a machine with each")
        for name, network, _host, tenant in _MACHINES:
            command = f"port create {name} --network {network} --vnic-type direct -c name -c id"
            self._stage.openstack(users[tenant], tenant, command)
        with ThreadPoolExecutor() as pool:
            booted = [pool.submit(self._boot, compute, name) for name, *_rest in _MACHINES]
        for machine, seconds in (each.result() for each in booted):
            self._stage.show(
                f"nova: {machine.name} runs on {machine.host} with VF {machine.pci};"
                f" from plug to ACTIVE it took {seconds:.2f} s"
            )

    def _boot(self, compute: Compute, name: str) -> tuple[Machine, float]:
        _name, _network, host, tenant = next(each for each in _MACHINES if each[0] == name)
        client = _CLIENTS.get(name, DhcpClient.NETWORKD)
        port = self._cloud.api(tenant).find("ports", name)
        return compute.boot_with_port(name, port["id"], host, dhcp_client=client)

    def _check_agents(self) -> None:
        agents = self._cloud.api(accounts.OPERATOR).list("agents")
        found = {(agent["binary"], agent["host"]) for agent in agents if agent["alive"]}
        topology = self._cloud.topology
        wanted = {("ibstack-agent", host.name) for host in topology.adapter_hosts}
        wanted |= {(dhcp_agent.BINARY, host.name) for host in topology.dhcp_hosts}
        wanted |= {("ibstack-fabricd", host.name) for host in topology.subnet_manager_hosts}
        self._stage.findings.state(f"all {len(wanted)} agents are alive", found == wanted)

    def _conclude(self) -> int:
        stage, findings = self._stage, self._stage.findings
        stage.title("What was looked at")
        for statement in findings.true:
            stage.show(f"true      {statement}")
        for statement in findings.untrue:
            stage.show(f"NOT TRUE  {statement}")
        seconds = time.monotonic() - self._began
        untrue = len(findings.untrue)
        verdict = f"{untrue} NOT true" if untrue else "all true"
        stage.show(f"\n{len(findings.true) + untrue} statements, {verdict}; {seconds:.0f} s")
        if untrue:
            stage.show(f"the lab's logs are kept in {self._cloud.lab.logs}")
        else:
            stage.show("Nothing is left running. To go on by hand: docs/tutorial/first-steps.md")
        return 1 if untrue else 0
