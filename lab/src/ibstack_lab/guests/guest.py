# SPDX-License-Identifier: Apache-2.0
"""A guest: a network namespace with an `ib0`, and in it a DHCP client as an image has it.

Programs in the guest take its ib0 for IPoIB (guest_view.py), so the client makes its identifier of
its own hardware address, as on real hardware: 20: and the port's GUID (RFC 4390 section 2.1).  The
GUID is the one that the guest's driver finds in its port, not the one that somebody wanted it to
have.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ibstack.fabric.errors import BadInput, TryLater
from ibstack.fabric.ipoib import ClientIdForm, IpoibAddress, client_id
from ibstack.fabric.pci import PciAddress
from ibstack_lab.guests import guest_view
from ibstack_lab.guests.dhcp_clients import UNPACKED, DhcpClient
from ibstack_lab.guests.ipoib_tap import add_ipoib
from ibstack_lab.guests.namespaces import Namespaces, ip
from ibstack_lab.guests.partition_wires import SHORT_ID, StandsFor, remove_wire, wire_name
from ibstack_lab.hosts import vports
from ibstack_lab.process import last_lines
from ibstack_lab.topology import INTERFACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.fabric.guid import Guid
    from ibstack_lab.folder import LabFolder
    from ibstack_lab.machine import Machine

ADDRESS_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.05
_EXCHANGE_LINES: Final = 10
_ASKING: Final = "asking.json"
_QUEUE_PAIR_BYTES: Final = 3
_OF_A_HOST: Final = frozenset(
    {"LD_PRELOAD", "SIM_HOST", "IBSIM_SOCKNAME", "IBSTACK_ESWITCHD_SOCKET"}
)
"""What makes a process one of a lab's host (Cloud.run_on()): a VF's guest has nothing of it."""


class Guest:
    """The guest of *machine*.  All of its state is in the kernel and in files."""

    def __init__(self, lab: LabFolder, machine: Machine) -> None:
        self._lab = lab
        self._machine = machine
        self._namespaces = Namespaces(lab.root)
        self._short = machine.port_id[:SHORT_ID]
        self._folder = lab.machine(self._short)
        self._run = guest_view.run_folder(lab, self._short)
        self._wire = wire_name(machine.port_id)
        self._port_file = vports.port_file(lab.host(machine.host), PciAddress.parse(machine.pci))

    @property
    def namespace(self) -> str:
        return self._namespaces.of_port(self._short)

    @property
    def client_name(self) -> str:
        """The name of its DHCP client among the lab's processes."""
        return f"guest-{self._short}"

    def start(
        self,
        static: str | None = None,
        *,
        client: DhcpClient = DhcpClient.NETWORKD,
        identifier: str | None = None,
    ) -> None:
        """Start the guest's network: its driver is started (hardware.guest_marker).

        *static*: an address with its prefix length, for a network without DHCP.  *identifier*: what
        its DHCP client asks with instead of its own.
        """
        guid = self._guid()
        # It is another one whenever a driver loads: nobody may know a guest by it.
        queue_pair = int.from_bytes(os.urandom(_QUEUE_PAIR_BYTES), "big")
        address = IpoibAddress(queue_pair, guid)
        guest_view.prepare(self._run, address, guest_view.library(self._lab))
        self._namespaces.make(self.namespace)
        leads_to = StandsFor(self._machine.host, PciAddress.parse(self._machine.pci))
        add_ipoib(self._namespaces, self._wire, leads_to, (self.namespace, INTERFACE))
        if static is None:
            self._ask(client, identifier)
            return
        ip(
            *("-n", self.namespace, "-batch", "-"),
            batch=f"link set {INTERFACE} up\naddress add {static} dev {INTERFACE}\n",
            doing=f"give {self._machine.name} its address",
        )

    def change_client(self, client: DhcpClient) -> None:
        """End its DHCP client, give up its address, and have *client* ask for one."""
        self._lab.known(self.client_name).stop()
        flush = ("address", "flush", "dev", INTERFACE)
        ip("-n", self.namespace, "-4", *flush, doing=f"take {self._machine.name} its address")
        self._ask(client, None)

    def _ask(self, client: DhcpClient, identifier: str | None) -> None:
        client.prepare(self._run, identifier)
        if identifier is None and client.asks_with_its_guid:
            identifier = client_id(self._guid(), ClientIdForm.HARDWARE_TYPE)
        asking = {"client": client.value, "identifier": identifier}
        (self._folder / _ASKING).write_text(json.dumps(asking))
        self.start_client()

    def start_client(self) -> None:
        """Start its DHCP client as it was started first; do nothing where it runs."""
        client = self.client()
        if client is None:
            raise BadInput(f"cannot start a DHCP client in {self._machine.name}: it has none")
        unset = (word for name in sorted(_OF_A_HOST) for word in ("-u", name))
        # Nothing of a host is in its environment, and the guest's own library after that.
        argv = ("env", *unset, *self.inside(client.argv()))
        self._lab.process(self.client_name, argv).start()

    def inside(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the arguments that run *argv* in the guest."""
        return (*guest_view.entered(self.namespace, self._run), *argv)

    def stop(self) -> None:
        """End all that runs in the guest, and remove it; harmless where it is gone."""
        self._lab.known(self.client_name).stop()
        remove_wire(self._namespaces.wires, self._wire)
        self._namespaces.remove(self.namespace)
        shutil.rmtree(self._folder, ignore_errors=True)

    def wait_for_address(self) -> str:
        """Return the address of ib0, as soon as a DHCP server has given it one."""
        deadline = time.monotonic() + ADDRESS_WITHIN_S
        while (address := self.address()) is None:
            if time.monotonic() > deadline:
                raise TryLater(
                    f"cannot give {self._machine.name} an address: no DHCP server has answered"
                    f" within {ADDRESS_WITHIN_S:g} s; {self._identifiers()}; the client has said:\n"
                    + last_lines(self.exchange(), _EXCHANGE_LINES)
                )
            time.sleep(_LOOK_EVERY_S)
        return address

    def _identifiers(self) -> str:
        """Say what the client asks with, and what the DHCP server knows its port by."""
        asks_with = (self._asking() or {}).get("identifier")
        expected = self._machine.client_id
        if asks_with is not None and asks_with == expected:
            return f"it asks with client-id {asks_with}, as it should"
        asks = f"client-id {asks_with}" if asks_with else "a client-id that it makes itself"
        return f"it asks with {asks}, and its port is known by client-id {expected or '(none)'}"

    def client(self) -> DhcpClient | None:
        """Return what asks for its address; None on a network without DHCP."""
        asking = self._asking()
        return None if asking is None else DhcpClient(asking["client"])

    def _asking(self) -> dict[str, Any] | None:
        try:
            asking: dict[str, Any] = json.loads((self._folder / _ASKING).read_text())
        except FileNotFoundError:
            return None
        return asking

    def address(self) -> str | None:
        """Return the IPv4 address of ib0 without its prefix length; None for none."""
        self._require_running()
        shown = ip(
            "-n", self.namespace, "-j", "-4", "address", "show", "dev", INTERFACE, doing="look"
        )
        found: list[dict[str, Any]] = [
            each for link in json.loads(shown or "[]") for each in link.get("addr_info", ())
        ]
        return str(found[0]["local"]) if found else None

    def exchange(self) -> str:
        """Return what its DHCP client has said of DHCP; its log has the rest."""
        client, log = self.client(), self._lab.known(self.client_name).log
        if client is None:
            return "this network has no DHCP\n"
        return client.exchange(log.read_text(errors="replace") if log.exists() else "")

    def run(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run *argv* in the guest; *options* as of subprocess.run()."""
        command = self._command(argv)
        return subprocess.run(command, env=self._environment(), text=True, check=False, **options)

    def become(self, argv: Sequence[str]) -> NoReturn:
        """Let *argv* in the guest take the place of this process: terminal, signals, exit code."""
        command = self._command(argv)
        sys.stdout.flush()
        sys.stderr.flush()
        # Python ignores it, and would pass that on.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.execvpe(command[0], command, self._environment())  # noqa: S606  As subprocess would.

    def _command(self, argv: Sequence[str]) -> tuple[str, ...]:
        if not argv:
            raise BadInput(f"cannot run nothing in {self._machine.name}: give a command")
        self._require_running()
        # The guest's files are this machine's, but for /run.
        if shutil.which(argv[0], path=self._environment()["PATH"]) is None:
            raise BadInput(
                f"cannot run {argv[0]!r} in {self._machine.name}: there is no such command"
            )
        return self.inside(argv)

    def _require_running(self) -> None:
        if self.namespace not in self._namespaces.all():
            name = self._machine.name
            raise TryLater(
                f"cannot reach {name}: its guest has gone; say `ibstack lab delete {name}`"
            )

    def _environment(self) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in os.environ.keys() - _OF_A_HOST}
        # With nmcli, where NetworkManager is unpacked.
        programs = f"{os.environ.get('PATH', os.defpath)}:{(UNPACKED / 'usr' / 'bin').resolve()}"
        return {**passed_on, "PATH": programs, **self._lab.known(self.client_name).mark}

    def reaches(self, other: Guest) -> bool:
        """Return whether a ping to the address of *other* is answered within 2 s.

        Both are told that the other is on their link, so that nothing but the partition decides:
        without a route a ping to another subnet would not even be sent.
        """
        mine, theirs = self.wait_for_address(), other.wait_for_address()
        self._expect_on_link(theirs)
        other._expect_on_link(mine)
        ping = ("ping", "-q", "-c1", "-i0.2", "-w2", theirs)
        return not self.run(ping, capture_output=True).returncode

    def _expect_on_link(self, address: str) -> None:
        route = ("route", "replace", f"{address}/32", "dev", INTERFACE)
        ip("-n", self.namespace, *route, doing=f"tell {self._machine.name} of {address}")

    def _guid(self) -> Guid:
        """Return the GUID that the driver finds in the VF's port, when the fabric knows it."""
        deadline = time.monotonic() + ADDRESS_WITHIN_S
        while True:
            port = vports.read(self._port_file)
            if port is not None and port.guid is not None:
                return port.guid
            if time.monotonic() > deadline:
                raise TryLater(
                    f"cannot start {self._machine.name}: VF {self._machine.pci} of"
                    f" {self._machine.host} has no GUID that the fabric knows after"
                    f" {ADDRESS_WITHIN_S:g} s; see {self._lab.known('silicon').log}"
                )
            time.sleep(_LOOK_EVERY_S)
