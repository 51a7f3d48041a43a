# SPDX-License-Identifier: Apache-2.0
"""What the demo does in the guests: addresses, pings, an MPI job, and what must not work."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError
from ibstack_lab.guests import mpi
from ibstack_lab.guests.dhcp_clients import DhcpClient
from ibstack_lab.guests.heard_requests import HeardRequests
from ibstack_lab.guests.namespaces import NAMED, ip
from ibstack_lab.services import accounts
from ibstack_lab.services.dhcp_agent import namespace_of
from ibstack_lab.topology import INTERFACE

if TYPE_CHECKING:
    from ibstack_lab.compute import Compute
    from ibstack_lab.demo.stage import Stage
    from ibstack_lab.guests.heard_requests import HeardRequest
    from ibstack_lab.machine import Machine

_MANAGEMENT: Final = ("ibhosts", "ibnetdiscover", "ibping 1")
_WITHIN_S: Final = 30


@dataclass(frozen=True, slots=True)
class GuestFacts:
    """One guest's ib0, and what Neutron says of its port."""

    machine: Machine
    network: str
    client: str
    address: str
    mtu_bytes: int
    client_id: str
    """The identifier by which the DHCP server knows the port."""
    neutron_address: str
    neutron_mtu_bytes: int

    def row(self) -> tuple[str, ...]:
        mtu = str(self.mtu_bytes)
        name, network = self.machine.name, self.network
        return (name, network, self.client, self.address, mtu, self.client_id)


_COLUMNS: Final = ("name", "network", "asked by", "address of ib0", "mtu", "dhcp client-id")
_ASKED: Final = ("name", "network", "asked by", "hardware type", "hardware address", "client-id")
_OTHER: Final = {
    DhcpClient.NETWORKD: DhcpClient.NETWORK_MANAGER,
    DhcpClient.NETWORK_MANAGER: DhcpClient.NETWORKD,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the DHCP server heard of one guest, and whether the guest got its address."""

    machine: Machine
    network: str
    client: str
    request: HeardRequest | None
    """None: the server heard nothing that has the port's identifier."""
    same_address: bool

    @property
    def is_right(self) -> bool:
        return self.same_address and self.request is not None and self.request.is_of_ipoib

    def row(self) -> tuple[str, ...]:
        who = (self.machine.name, self.network, self.client)
        heard = self.request
        if heard is None:
            return (*who, "nothing was heard", "", "")
        shown = heard.chaddr[: heard.hardware_bytes].hex(":") or "none"
        return (*who, str(heard.hardware_type), shown, heard.client_id.hex(":"))


class Guests:
    """The guests of all machines that run."""

    def __init__(self, stage: Stage, compute: Compute) -> None:
        self._stage = stage
        self._compute = compute
        self._machines = compute.machines()
        self._operator = stage.cloud.api(accounts.OPERATOR)

    def addresses(self) -> None:
        """Show that each has its address and its MTU by DHCP."""
        self._stage.title("The guests: each has an address by DHCP, from Neutron's own agent")
        facts = [self._facts(machine) for machine in self._machines]
        self._stage.table(_COLUMNS, [fact.row() for fact in facts])
        for fact in facts:
            self._stage.findings.state(
                f"ib0 of {fact.machine.name} has its port's address, and its network's MTU of"
                f" {fact.neutron_mtu_bytes}",
                (fact.address, fact.mtu_bytes) == (fact.neutron_address, fact.neutron_mtu_bytes),
            )
        for name, network in sorted({(fact.network, fact.machine.network_id) for fact in facts}):
            mtu = self._operator.show("networks", network)["mtu"]
            self._stage.findings.state(
                f"the DHCP server's interface on {name} has MTU {mtu}",
                _mtus(namespace_of(network), "tap") == [mtu],
            )

    def other_clients(self) -> None:
        """Show that the other client gets the same address, and what it asks with."""
        self._stage.title("Its other client gets the same, and asks as on InfiniBand")
        with ThreadPoolExecutor() as pool:
            asked = list(pool.map(self._asked_by_other_client, self._machines))
        self._stage.table(_ASKED, [each.row() for each in asked])
        for each in asked:
            self._stage.findings.state(
                f"{each.client} in {each.machine.name} gets its port's address, and asks with its"
                " GUID and no hardware address",
                each.is_right,
            )

    def _asked_by_other_client(self, machine: Machine) -> Asked:
        guest = self._compute.guest(machine)
        before = guest.wait_for_address()
        client = _OTHER[guest.client() or DhcpClient.NETWORKD]
        namespace = namespace_of(machine.network_id)
        (interface,) = (name for name, _mtu in _links(namespace) if name.startswith("tap"))
        heard = HeardRequests(NAMED / namespace, interface)
        try:
            guest.change_client(client)
            same = guest.wait_for_address() == before
            request = heard.first(bytes.fromhex((machine.client_id or "").replace(":", "")))
        finally:
            heard.close()
        network = self._operator.show("networks", machine.network_id)["name"]
        return Asked(machine, network, client.value, request, same)

    def pings(self) -> None:
        """Show that each reaches those of its own network, and no other."""
        self._stage.title("Pings: one that works, and those that cannot")
        pairs = list(itertools.combinations(self._machines, 2))
        with ThreadPoolExecutor() as pool:  # One that is not answered takes two seconds.
            answers = list(pool.map(self._answered, pairs))
        for (source, target), answered in zip(pairs, answers, strict=True):
            said = "answered" if answered else "no answer"
            self._stage.show(f"{source.name} → {target.name}: {said}")
            same = source.network_id == target.network_id
            verb = "reaches" if same else "does not reach"
            self._stage.findings.state(f"{source.name} {verb} {target.name}", answered is same)

    def mpi_job(self, first: str, second: str) -> None:
        """Show an MPI job over two machines of one network."""
        self._stage.title(f"mpirun on {first}: an MPI job over two machines")
        by_name = {machine.name: machine for machine in self._machines}
        pair = by_name[first], by_name[second]
        try:
            ranks = mpi.hello(self._stage.cloud.lab, pair)
        except IbstackError as error:
            ranks = ()
            self._stage.show(str(error))
        for rank in ranks:
            self._stage.show(
                f"rank {rank.number} on {rank.machine}: ib0 {rank.address}, network namespace"
                f" {rank.namespace}; heard from {rank.heard}"
            )
        mine = [self._compute.guest(machine).address() for machine in pair]
        told = [(rank.machine, rank.address, rank.heard) for rank in ranks]
        wanted = [(first, mine[0], mine[1]), (second, mine[1], mine[0])]
        apart = len({rank.namespace for rank in ranks}) == len(pair)
        self._stage.findings.state(
            f"the ranks of an MPI job on {first} and {second} hear each other, each in its own"
            " machine",
            told == wanted and apart,
        )

    def management(self) -> None:
        """Show that no guest sends management datagrams, and that a host does."""
        host = self._stage.cloud.topology.hosts[0].name
        self._stage.title("Management datagrams: for hosts, and not for guests")
        works = [self._tries(host, c, self._on_host(host, c)) for c in _MANAGEMENT[:2]]
        self._stage.findings.state(f"{host} sees the fabric by management datagrams", all(works))
        for machine in self._machines:
            guest, name = self._compute.guest(machine), machine.name
            works = [
                self._tries(name, c, guest.run(c.split(), capture_output=True, timeout=_WITHIN_S))
                for c in _MANAGEMENT
            ]
            self._stage.findings.state(f"{name} cannot send management datagrams", not any(works))

    def _tries(self, where: str, command: str, done: subprocess.CompletedProcess[str]) -> bool:
        """Show how *command* ended; return whether it worked."""
        found = done.stdout.count("\nCa") + done.stdout.startswith("Ca")
        said = f"{found} adapters" if not done.returncode else f"fails: {_last(done.stderr)}"
        self._stage.show(f"{where}# {command}: {said}")
        return not done.returncode

    def _on_host(self, host: str, command: str) -> subprocess.CompletedProcess[str]:
        fabric = self._stage.cloud.fabric
        return subprocess.run(
            command.split(),
            env={**os.environ, **fabric.client_env(host)},
            cwd=fabric.client_cwd(host),
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
        )

    def _answered(self, pair: tuple[Machine, Machine]) -> bool:
        source, target = (self._compute.guest(machine) for machine in pair)
        return source.reaches(target)

    def _facts(self, machine: Machine) -> GuestFacts:
        guest = self._compute.guest(machine)
        port = self._operator.show("ports", machine.port_id)
        network = self._operator.show("networks", machine.network_id)
        given = {each["opt_name"]: each["opt_value"] for each in port["extra_dhcp_opts"]}
        return GuestFacts(
            machine,
            network["name"],
            client=client.value if (client := guest.client()) else "nobody",
            address=guest.wait_for_address(),
            mtu_bytes=_mtus(guest.namespace, INTERFACE)[0],
            client_id=given.get("client-id", "none"),
            neutron_address=port["fixed_ips"][0]["ip_address"],
            neutron_mtu_bytes=network["mtu"],
        )


def _mtus(namespace: str, beginning: str) -> list[int]:
    """Return the MTU of each interface in *namespace* whose name has that *beginning*."""
    return [mtu for name, mtu in _links(namespace) if name.startswith(beginning)]


def _links(namespace: str) -> list[tuple[str, int]]:
    """Return the interfaces in *namespace*: name and MTU."""
    shown = json.loads(ip("-n", namespace, "-j", "link", doing=f"look into {namespace}"))
    return [(link["ifname"], link["mtu"]) for link in shown]


def _last(said: str) -> str:
    """Return what a program complained of last, without where in it that was."""
    lines = said.strip().splitlines() or ["it said nothing"]
    return re.split(r"[;:] ", lines[-1])[-1]
