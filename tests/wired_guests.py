# SPDX-License-Identifier: Apache-2.0
"""Guests on the lab's wires without a cloud: what the fabric would show of a port is written."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Final

from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import ClientIdForm, client_id
from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack_lab.guests import guest_view
from ibstack_lab.guests.guest import Guest
from ibstack_lab.guests.namespaces import Namespaces, inside, ip
from ibstack_lab.guests.partition_wires import StandsFor, add_wire
from ibstack_lab.hosts import vports
from ibstack_lab.hosts.vports import GuestPort
from ibstack_lab.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process

FULL: Final = TableEntry(PartitionKey(1), full_member=True)
LIMITED: Final = TableEntry(PartitionKey(1), full_member=False)
OTHER: Final = TableEntry(PartitionKey(2), full_member=True)
LIMIT_S: Final = 20.0
SERVER: Final = "10.9.0.254"
_VF: Final = PciAddress.parse("0000:05:00.1")
_SERVER_HOST: Final = "server"
_INTERFACE: Final = "tapserver"


class WiredGuests:
    """Guests by name; each has an address 10.9.0.NUMBER, and a host of its own."""

    def __init__(self, lab: LabFolder) -> None:
        self.lab = lab
        self.namespaces = Namespaces(lab.root)
        self.namespaces.make(self.namespaces.wires)
        guest_view.build_library(lab)
        self.wires = self._process("wires", "partition_bridges")
        self.links = self._process("ipoib", "ipoib_links")
        self._guests: list[Guest] = []
        self._dnsmasq: Process | None = None
        for process in (self.wires, self.links):
            process.start()

    def _process(self, name: str, program: str) -> Process:
        module = f"ibstack_lab.guests.{program}"
        argv = (sys.executable, "-m", module, "--lab", str(self.lab.root))
        return self.lab.process(name, inside(self.namespaces.wires, argv))

    @property
    def server_namespace(self) -> str:
        return self.namespaces.name(_SERVER_HOST)

    @property
    def server_interface(self) -> str:
        return _INTERFACE

    def machine(self, number: int) -> Machine:
        return Machine(
            name=f"vm{number}",
            port_id=f"{number:08}-9f3e-4c5b-8a57-0d3b52c6e111",
            host=f"host{number}",
            mac=f"fa:16:3e:00:00:{number:02x}",
            pci=str(_VF),
            status="ACTIVE",
            network_id="",
            client_id=client_id(self.guid(number), ClientIdForm.HARDWARE_TYPE),
        )

    def guid(self, number: int) -> Guid:
        return Guid.from_mac(f"fa:16:3e:00:00:{number:02x}")

    def guest(self, number: int, *entries: TableEntry) -> Guest:
        """Return a guest that is not started; its port's table has *entries*."""
        machine = self.machine(number)
        self.lab.host(machine.host).mkdir(parents=True, exist_ok=True)
        self.observe(number, *entries)
        made = Guest(self.lab, machine)
        self._guests.append(made)
        return made

    def static(self, number: int, *entries: TableEntry) -> Guest:
        """Return a guest that was started with the address 10.9.0.NUMBER."""
        made = self.guest(number, *entries)
        made.start(f"{address(number)}/24")
        return made

    def observe(self, number: int, *entries: TableEntry) -> None:
        port = GuestPort(self.guid(number), active=True, table=entries)
        vports.write(vports.port_file(self.lab.host(self.machine(number).host), _VF), port)

    def serve_dhcp(self, *numbers: int) -> None:
        """Serve DHCP on partition 1 to the guests with these *numbers*, and to nobody else."""
        server = self.lab.host(_SERVER_HOST)
        server.mkdir(parents=True)
        vports.write(vports.port_file(server, _VF), GuestPort(None, active=True, table=(FULL,)))
        self.namespaces.make(self.server_namespace)
        end = (self.server_namespace, _INTERFACE)
        add_wire(self.namespaces.wires, "ibserver", StandsFor(_SERVER_HOST, _VF), end)
        ip("-n", self.server_namespace, "link", "set", _INTERFACE, "up", doing="test")
        ip(
            *("-n", self.server_namespace, "address", "add", f"{SERVER}/24"),
            *("dev", _INTERFACE),
            doing="test",
        )
        hosts = (
            f"--dhcp-host={m.mac},id:{m.client_id},{m.name},{address(number)}"
            for number in numbers
            for m in (self.machine(number),)
        )
        argv = (
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
            *("--user=root", "--log-dhcp", "--log-facility=-", f"--interface={_INTERFACE}"),
            *("--bind-interfaces", "--dhcp-range=10.9.0.0,static,3600", "--dhcp-option=26,2044"),
            *(f"--dhcp-leasefile={server}/leases", f"--pid-file={server}/pid", *hosts),
        )
        self._dnsmasq = self.lab.process("dnsmasq", inside(self.server_namespace, argv))
        self._dnsmasq.start()

    def leases(self) -> list[list[str]]:
        """Return the lines of dnsmasq's lease file, in fields."""
        path = self.lab.host(_SERVER_HOST) / "leases"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def close(self) -> None:
        for guest in self._guests:
            guest.stop()
        for process in (self._dnsmasq, self.links, self.wires):
            if process is not None:
                process.stop()
        self.namespaces.remove_all()


def address(number: int) -> str:
    return f"10.9.0.{number}"


def reaches(source: Guest, target: str, *options: str) -> bool:
    """Whether one of several pings is answered: a link that has just come up loses some."""
    ping = ("ping", "-q", "-c1", "-i0.2", "-w2", *options, target)
    return not source.run(ping, capture_output=True).returncode


def carrier(guest: Guest) -> bool:
    shown = guest.run(("ip", "-j", "link", "show", "dev", "ib0"), capture_output=True)
    (link,) = json.loads(shown.stdout)
    return "LOWER_UP" in link["flags"]


def output(guest: Guest, *argv: str) -> str:
    done = guest.run(argv, capture_output=True)
    assert not done.returncode, done.stderr
    return str(done.stdout)


def wait_until(what: str, true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline, f"not seen: {what}"
        time.sleep(0.02)
