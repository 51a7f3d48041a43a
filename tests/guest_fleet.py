# SPDX-License-Identifier: Apache-2.0
"""Guests on the lab's networks: booted at once, pinged all with all, and removed again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.mad import FabricReader, NotKnown
from ibstack_lab.compute import Compute
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.tamper import write_entries
from ibstack_lab.guests.namespaces import ip
from ibstack_lab.services import accounts
from ibstack_lab.topology import PHYSICAL_NETWORK
from tenant_ports import tables, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PkeyTable
    from ibstack_lab.cloud import Cloud
    from ibstack_lab.guests.guest import Guest
    from ibstack_lab.machine import Machine
    from ibstack_lab.process import Process
    from ibstack_lab.services.neutron_client import Resource

ALL_WITHIN_S: Final = 120.0
"""For many guests on a busy machine."""
ONE_OF_EACH: Final = {"namespace": 1, "interface": 1, "wire": 1, "dnsmasq": 1}
"""What the DHCP agent has for a network that it serves."""
_IBSTACK: Final = str(Path(sys.executable).with_name("ibstack"))
_NAMED: Final = Path("/run/netns")
_PING_EACH: Final = (
    'for address; do ping -q -c1 -i0.5 -w3 "$address" >/dev/null && echo "$address" & done; wait'
)

Pairs = frozenset[tuple[str, str]]
"""Who hears whom, by name."""


@dataclass(frozen=True, slots=True)
class Member:
    """A guest, and the address that Neutron gave its port."""

    machine: Machine
    guest: Guest
    fixed: str

    @property
    def name(self) -> str:
        return self.machine.name

    def hears(self, addresses: Iterable[str]) -> frozenset[str]:
        """Return those of *addresses* that answer a ping: all are asked at once."""
        done = self.guest.run(("sh", "-c", _PING_EACH, "sh", *addresses), capture_output=True)
        return frozenset(done.stdout.split())


class Fleet:
    """The networks and guests of one test, which go with it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.operator = cloud.api(accounts.OPERATOR)
        self.compute = Compute(cloud)
        self.members: list[Member] = []
        self.networks: list[Resource] = []

    def network(self, key: int, **subnet: Any) -> Resource:
        """Return a new network of that partition key; None of *subnet* need be given.

        All networks have the same addresses, so a guest takes each for one on its own link.
        """
        network = self.operator.create(
            "networks",
            name=f"net{key:x}",
            shared=True,
            **{
                "provider:network_type": "vlan",
                "provider:physical_network": PHYSICAL_NETWORK,
                "provider:segmentation_id": key,
            },
        )
        return self._with_subnet(network, subnet)

    def flat_network(self) -> Resource:
        """Return a new network that is the default partition."""
        place = {
            "provider:network_type": "flat",
            "provider:physical_network": PHYSICAL_NETWORK,
        }
        return self._with_subnet(self.operator.create("networks", name="flat", **place), {})

    def _with_subnet(self, network: Resource, subnet: Mapping[str, Any]) -> Resource:
        self.networks.append(network)
        # Addresses of several networks are told apart by the one that a pool begins with.
        first = 50 * len(self.networks)
        fields = {
            "cidr": "10.88.0.0/22",
            "gateway_ip": None,
            "allocation_pools": [{"start": address(first), "end": address(first + 49)}],
            **subnet,
        }
        self.operator.create("subnets", network_id=network["id"], ip_version=4, **fields)
        return network

    def boot(self, *places: tuple[Resource, str]) -> list[Member]:
        """Boot a guest for each network and host, all at once; each has its address."""
        first = len(self.members)
        with ThreadPoolExecutor(len(places)) as pool:
            booted = list(pool.map(self._boot, range(first, first + len(places)), places))
        self.members += booted
        return booted

    def _boot(self, number: int, place: tuple[Resource, str]) -> Member:
        network, host = place
        name = f"{network['name']}-{number:02}"  # Of all machines of the lab.
        fields = {"name": name, "network_id": network["id"], "binding:vnic_type": "direct"}
        port = self.operator.create("ports", **fields)
        machine, _ = self.compute.boot_with_port(name, port["id"], host)
        guest = self.compute.guest(machine)
        guest.wait_for_address()
        return Member(machine, guest, port["fixed_ips"][0]["ip_address"])

    def of(self, network: Resource) -> list[Member]:
        return [member for member in self.members if member.machine.network_id == network["id"]]

    def pairs(self) -> Pairs:
        """Return the pairs of one network: those who should hear each other."""
        return frozenset(
            (one.name, other.name)
            for one in self.members
            for other in self.members
            if one is not other and one.machine.network_id == other.machine.network_id
        )

    def pairs_heard(self, *, across: bool = True) -> Pairs:
        """Return who hears whom: everyone asks everyone, or its own network unless *across*."""
        names = {member.fixed: member.name for member in self.members}

        def heard_by(member: Member) -> list[tuple[str, str]]:
            others = {
                other.fixed
                for other in self.members
                if across or other.machine.network_id == member.machine.network_id
            }
            found = member.hears(others - {member.fixed})
            return [(member.name, names[address]) for address in found]

        with ThreadPoolExecutor(len(self.members)) as pool:
            return frozenset(pair for found in pool.map(heard_by, self.members) for pair in found)

    def wait_until_heard(self, wanted: Pairs) -> None:
        """Return when those hear each other who are in *wanted*, and no other two.

        Nobody may hear anyone of another network, not even at first.
        """
        seen = self.pairs_heard()
        assert seen <= self.pairs(), f"across networks: {sorted(seen - self.pairs())}"
        deadline = time.monotonic() + ALL_WITHIN_S
        while seen != wanted:
            silent, loud = sorted(wanted - seen), sorted(seen - wanted)
            assert time.monotonic() < deadline, f"do not hear: {silent}; hear: {loud}"
            seen = self.pairs_heard(across=False)

    def remove(self) -> None:
        """Remove all, and see that the host that serves DHCP keeps nothing of it."""
        self.cloud.up()  # What a test has ended and not started again.
        ours = {network["id"] for network in self.networks}
        machines = self.compute.machines()
        names = [machine.name for machine in machines if machine.network_id in ours]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.compute.delete, names))
        for network in self.networks:
            self.delete_network(network)
        for network in self.networks:
            self._wait_until_gone(network)

    def _wait_until_gone(self, network: Resource) -> None:
        wait_for(f"{network['name']} is gone", lambda: not Dhcp(self.cloud, network).found)

    def delete_network(self, network: Resource) -> None:
        """Delete *network* and its ports, unless that was done."""
        if not self.operator.list("networks", id=network["id"]):
            return
        for port in self.operator.list("ports", network_id=network["id"]):
            if not port["device_owner"].startswith("network:"):
                self.operator.delete("ports", port["id"])
        self.operator.delete("networks", network["id"])


def address(number: int) -> str:
    """Return address *number* of the subnets' 10.88.0.0/22."""
    return f"10.88.{number // 256}.{number % 256}"


@dataclass(frozen=True)
class Dhcp:
    """What the DHCP agent has for one network, on the one host that serves DHCP."""

    cloud: Cloud
    network: Resource

    @property
    def found(self) -> dict[str, int]:
        """Return how many there are of what it makes, without those of which there are none."""
        counts = {
            "namespace": int(self._named),
            "interface": len(self.interfaces()),
            "wire": len(self.wires()),
            "dnsmasq": len(self.dnsmasqs()),
        }
        return {what: count for what, count in counts.items() if count}

    def serves(self) -> bool:
        """Say whether there is one of each, and no second one."""
        return self.found == ONE_OF_EACH

    @property
    def namespace(self) -> str:
        return f"qdhcp-{self.network['id']}"

    @property
    def _named(self) -> bool:
        return (_NAMED / self.namespace).exists()

    def interfaces(self) -> list[str]:
        if not self._named:
            return []
        return [name for name, _ in _links(self.namespace) if name.startswith("tap")]

    def wires(self) -> list[str]:
        """Return the wires that lead to the partition from the host that serves DHCP."""
        (host,) = self.cloud.topology.dhcp_hosts
        leads_to = f"{host.name} {host.pf_pci} {self.key}"
        found = _links(self.cloud.namespaces.wires)
        return [name for name, alias in found if alias == leads_to]

    def dnsmasqs(self) -> list[int]:
        return [
            int(folder.name)
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit() and self._is_its_dnsmasq(folder)
        ]

    def _is_its_dnsmasq(self, folder: Path) -> bool:
        try:
            argv = (folder / "cmdline").read_text().split("\0")
        except OSError:
            return False
        return argv[0].endswith("dnsmasq") and any(self.network["id"] in word for word in argv)

    def leases(self) -> dict[str, str]:
        """Return the address that dnsmasq gave to each client identifier."""
        (host,) = self.cloud.topology.dhcp_hosts
        folder = self.cloud.lab.host(host.name) / "neutron" / "dhcp" / self.network["id"]
        # Expiry, hardware address, address, name, client identifier: dnsmasq's lease file.
        lines = (line.split() for line in (folder / "leases").read_text().splitlines())
        return {line[4]: line[2] for line in lines}

    def address(self) -> str:
        """Return the address of its port."""
        operator = self.cloud.api(accounts.OPERATOR)
        (port,) = operator.list("ports", network_id=self.network["id"], device_owner="network:dhcp")
        return str(port["fixed_ips"][0]["ip_address"])

    @property
    def key(self) -> PartitionKey:
        return PartitionKey(self.network["provider:segmentation_id"] or 0x7FFF)

    def host_is_member(self) -> bool:
        """Say whether the host's port is a full member of the partition, as the fabric shows."""
        (host,) = self.cloud.topology.dhcp_hosts
        return TableEntry(self.key, full_member=True) in table(self.cloud, host.port_guid)


def _links(namespace: str) -> list[tuple[str, str]]:
    """Return the interfaces of *namespace*: name and alias."""
    shown = json.loads(ip("-n", namespace, "-j", "link", "show", doing="look") or "[]")
    return [(link["ifname"], link.get("ifalias", "")) for link in shown]


def table(cloud: Cloud, guid: Guid) -> PkeyTable:
    """Return the table of one port, read from the fabric."""
    found = tables(cloud)[guid]
    assert not isinstance(found, NotKnown), found
    return found


def replace_entry(cloud: Cloud, guid: Guid, old: TableEntry, new: int) -> None:
    """Write *new* where the port's table has *old*, behind everyone's back."""
    index = table(cloud, guid).index(old)
    attachment = Attachment(cloud.fabric, cloud.topology.hosts[0].name)
    try:
        write_entries(attachment, FabricReader(attachment), guid, {index: new})
    finally:
        attachment.close()


def audit(cloud: Cloud) -> tuple[int, list[dict[str, Any]]]:
    """Run `ibstack partition audit` as on the first host; return its exit code and answer."""
    host = cloud.topology.hosts[0].name
    settings = cloud.lab.host(host) / "etc" / "fabricd.conf"
    done = subprocess.run(
        [_IBSTACK, "partition", "audit", "-f", "json", "--config-file", str(settings)],
        env={**os.environ, **cloud.fabric.client_env(host)},
        cwd=cloud.fabric.client_cwd(host),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def renew(members: Iterable[Member]) -> None:
    """Have each guest's client ask for its lease again; return when all have got it."""
    before = {member.name: _renewals(member) for member in members}
    members = list(members)
    for member in members:
        done = member.guest.run(("networkctl", "renew", "ib0"), capture_output=True)
        assert not done.returncode, done.stderr
    for member in members:
        _wait_for_a_renewal(member, before[member.name])


def _wait_for_a_renewal(member: Member, before: int) -> None:
    wait_for(f"{member.name} has its lease renewed", lambda: _renewals(member) > before)


def _renewals(member: Member) -> int:
    return member.guest.exchange().count("DHCPv4 client: ACK")


def kill_with_its_helpers(agent: Process) -> None:
    """Kill Neutron's DHCP agent as a crash of its host's service would.

    Its worker and its helpers are of its process group; each dnsmasq is of its own.
    """
    pid = agent.pid()
    assert pid
    os.killpg(pid, signal.SIGKILL)
    wait_for(f"{agent.name} is dead", lambda: not agent.running())


def said(cloud: Cloud, process: str) -> Callable[[str], bool]:
    """Return what says whether the log of *process* has a text from now on."""
    log = cloud.lab.known(process).log
    start = log.stat().st_size if log.exists() else 0

    def has(text: str) -> bool:
        with log.open("rb") as file:
            file.seek(start)
            return text.encode() in file.read()

    return has
