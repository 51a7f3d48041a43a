# SPDX-License-Identifier: Apache-2.0
"""Plays nova on the lab's hosts: the same API calls and the same `ebrctl`, in nova's order.

Source: nova 34, network/neutron.py (_update_ports_for_instance) and virt/libvirt/vif.py
(plug_ib_hostdev, unplug_ib_hostdev).
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, CommandFailed, IbstackError, TryLater
from ibstack.fabric.pci import PciAddress
from ibstack.host.client.eswitch_client import EswitchUnreachable
from ibstack.runtime.atomic_file import replace_file
from ibstack.runtime.file_lock import locked
from ibstack_lab.binding_profile import nova_profile
from ibstack_lab.guests.dhcp_clients import DhcpClient
from ibstack_lab.guests.guest import Guest
from ibstack_lab.guests.partition_wires import SHORT_ID
from ibstack_lab.hosts import ebrctl_calls, hardware
from ibstack_lab.hosts.daemons import eswitchd_of, eswitchd_socket
from ibstack_lab.machine import Machine
from ibstack_lab.process import output_of
from ibstack_lab.services import accounts
from ibstack_lab.topology import PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.accounts import Account
    from ibstack_lab.topology import Host

ACTIVE_WITHIN_S: Final = 30.0
_DEVICE_OWNER: Final = "compute:nova"
_EBRCTL_TIMEOUT_S: Final = 120
"""By itself ebrctl waits 60 s, and then says what for."""
_LOOK_EVERY_S: Final = 0.1
_IPV4: Final = 4
_BOOTED_AS: Final = "booted-as.json"


class Compute:
    """Boots and deletes machines, as the user *nova* of the project *service*.

    Beside the real nova it takes VFs that nova may give away.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._nova = cloud.api(accounts.NOVA)

    def machines(self) -> list[Machine]:
        """Return those that have a port."""
        found = self._nova.list("ports", device_owner=_DEVICE_OWNER)
        return sorted((Machine.of(port) for port in found), key=lambda machine: machine.name)

    def boot(
        self,
        name: str,
        network: str,
        host: str,
        tenant: Account,
        *,
        dhcp_client: DhcpClient = DhcpClient.NETWORKD,
        client_id: str | None = None,
    ) -> tuple[Machine, float]:
        """Create a port on *network* as *tenant*, and boot machine *name* with it on *host*.

        *client_id*: what the guest asks for an address with, if not what its GUID makes.
        """
        self._host(host)
        self._check_free(name)
        api = self._cloud.api(tenant)
        network_id = api.find("networks", network)["id"]
        fields = {"name": name, "network_id": network_id, "binding:vnic_type": "direct"}
        port = api.create("ports", **fields)
        with ExitStack() as undo:
            undo.callback(api.delete, "ports", port["id"])
            booted = self.boot_with_port(
                name, port["id"], host, dhcp_client=dhcp_client, client_id=client_id
            )
            undo.pop_all()
        return booted

    def boot_with_port(
        self,
        name: str,
        port_id: str,
        host: str,
        *,
        dhcp_client: DhcpClient = DhcpClient.NETWORKD,
        client_id: str | None = None,
    ) -> tuple[Machine, float]:
        """Boot machine *name* on *host* with a port that its tenant made.

        Returns it, ACTIVE and with its guest started, and the seconds from plug to ACTIVE.
        """
        dhcp_client.require(client_id)
        place = self._host(host)
        instance = str(uuid.uuid4())
        with ExitStack() as undo:
            machine = self._bind(name, port_id, place, instance)
            undo.callback(self._unbind, port_id)
            # Also where add-port fails: what it asked for stays pending on the host.
            undo.callback(self._unplug_what_is_there, machine)
            began = time.monotonic()
            self._ebrctl(
                *("add-port", machine.mac, instance, PHYSICAL_NETWORK, "ib_hostdev", machine.pci),
                host=host,
            )
            active = self._wait_active(machine)
            seconds = time.monotonic() - began
            undo.callback(self._shut_down, active)
            self._driver(active).touch()
            self.start_guest(active, client=dhcp_client, identifier=client_id)
            undo.pop_all()
        return active, seconds

    def delete(self, name: str) -> Machine:
        """Shut the guest down, unplug its VF, delete its port; return what it was.

        Also where its tenant has deleted the port already: nova remembers as well.
        """
        machine = self.machine(name)
        self._shut_down(machine)
        self._ebrctl("del-port", PHYSICAL_NETWORK, machine.mac, host=machine.host)
        if self._nova.list("ports", id=machine.port_id):
            self._nova.delete("ports", machine.port_id)
        return machine

    # Neutron's part.

    def _bind(self, name: str, port_id: str, place: Host, instance: str) -> Machine:
        """Give the port a free VF of *place*, as nova's PCI tracker would."""
        with self._alone():
            vf = self._free_vf(place)
            port = self._nova.update(
                "ports",
                port_id,
                **{
                    "name": name,
                    "device_id": instance,
                    "device_owner": _DEVICE_OWNER,
                    "binding:host_id": place.name,
                    "binding:profile": nova_profile(place, vf),
                },
            )
        if port["binding:vif_type"] != "ib_hostdev":
            self._unbind(port_id)
            raise IbstackError(
                f"cannot boot {name} on {place.name}: Neutron bound its port as"
                f" {port['binding:vif_type']!r}, not as 'ib_hostdev'; see whether"
                f" its agent is alive, and {self._cloud.lab.known('neutron-api').log}"
            )
        return Machine.of(port)

    def _unbind(self, port_id: str) -> None:
        released = {"binding:host_id": "", "binding:profile": {}}
        self._nova.update("ports", port_id, device_id="", device_owner="", **released)

    def _free_vf(self, place: Host) -> int:
        ports = self._nova.list("ports", **{"binding:host_id": place.name})
        taken = {port["binding:profile"].get("pci_slot") for port in ports}
        for number in range(place.vfs):
            if str(place.vf_pci(number)) not in taken:
                return number
        raise TryLater(f"cannot boot on {place.name}: all of its {place.vfs} VFs are in use")

    def _wait_active(self, machine: Machine) -> Machine:
        deadline = time.monotonic() + ACTIVE_WITHIN_S
        while True:
            now = Machine.of(self._nova.show("ports", machine.port_id))
            if now.status == "ACTIVE":
                return now
            if time.monotonic() > deadline:
                raise TryLater(
                    f"cannot boot {machine.name} on {machine.host}: its port is {now.status}"
                    f" after {ACTIVE_WITHIN_S:g} s; {self._why(machine)}"
                )
            time.sleep(_LOOK_EVERY_S)

    # The host's part.

    def _why(self, machine: Machine) -> str:
        """Return what the host says of a machine that does not become ACTIVE."""
        client = eswitchd_of(self._cloud.lab, machine.host)
        try:
            attachments = client.read().attachments
        except EswitchUnreachable as error:
            return str(error)
        for found in attachments:
            if found.mac == machine.mac:
                why = f", because {found.why}" if found.why else ""
                return f"on the host its VF {machine.pci} is {found.state.value}{why}"
        return f"ibstack-eswitchd on {machine.host} has no attachment of {machine.mac}"

    def _unplug_what_is_there(self, machine: Machine) -> None:
        """Clean up after a boot that failed: why it failed matters more than what fails now."""
        with suppress(CommandFailed):
            self._ebrctl("del-port", PHYSICAL_NETWORK, machine.mac, host=machine.host)

    def _ebrctl(self, *arguments: str, host: str) -> None:
        argv = (str(Path(sys.executable).with_name("ebrctl")), *arguments)
        env = {"IBSTACK_ESWITCHD_SOCKET": str(eswitchd_socket(self._cloud.lab, host))}
        doing = f"plug a VF of {host}" if arguments[0] == "add-port" else f"unplug on {host}"
        try:
            output_of(argv, doing, timeout_s=_EBRCTL_TIMEOUT_S, env=env)
        except CommandFailed as error:
            ebrctl_calls.note(self._cloud.lab, host, arguments, error.status, error.stderr)
            raise
        ebrctl_calls.note(self._cloud.lab, host, arguments, 0, "")

    def start_guest(
        self,
        machine: Machine,
        *,
        client: DhcpClient = DhcpClient.NETWORKD,
        identifier: str | None = None,
    ) -> None:
        """Start what runs in *machine*: its driver is started."""
        self._remember(machine)
        static = self._static_address(machine)
        self.guest(machine).start(static, client=client, identifier=identifier)

    def guest(self, machine: Machine) -> Guest:
        return Guest(self._cloud.lab, machine)

    def _static_address(self, machine: Machine) -> str | None:
        """Return the address of a machine whose subnet has no DHCP; None where DHCP gives it."""
        for fixed in self._nova.show("ports", machine.port_id)["fixed_ips"]:
            subnet = self._nova.show("subnets", fixed["subnet_id"])
            if subnet["ip_version"] == _IPV4 and not subnet["enable_dhcp"]:
                return f"{fixed['ip_address']}/{subnet['cidr'].partition('/')[2]}"
        return None

    def _shut_down(self, machine: Machine) -> None:
        self.guest(machine).stop()
        self._driver(machine).unlink(missing_ok=True)

    def _driver(self, machine: Machine) -> Path:
        folder = self._cloud.lab.host(machine.host)
        return hardware.guest_marker(folder, PciAddress.parse(machine.pci))

    # Which machines and hosts there are.

    def _remember(self, machine: Machine) -> None:
        """Keep what the machine was booted as, as nova's network info cache does."""
        folder = self._cloud.lab.machine(machine.port_id[:SHORT_ID])
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / _BOOTED_AS, json.dumps(asdict(machine)))

    def _all_machines(self) -> list[Machine]:
        """Return also those whose ports were deleted while their guests run."""
        machines = self.machines()
        ports = {machine.port_id[:SHORT_ID] for machine in machines}
        for file in sorted(self._cloud.lab.machines.glob(f"*/{_BOOTED_AS}")):
            if file.parent.name not in ports:
                with suppress(FileNotFoundError):  # It was deleted while we looked.
                    machines.append(Machine(**json.loads(file.read_text())))
        return machines

    def machine(self, name: str) -> Machine:
        """Return the machine of that name; BadInput names those that there are."""
        machines = self._all_machines()
        for machine in machines:
            if machine.name == name:
                return machine
        names = ", ".join(machine.name for machine in machines) or "none"
        raise BadInput(f"cannot find machine {name!r}: there are: {names}")

    def _check_free(self, name: str) -> None:
        hosts = (host.name for host in self._cloud.topology.hosts)
        machines = self._all_machines()
        if name in (*hosts, *(machine.name for machine in machines)):
            raise BadInput(f"cannot boot {name!r}: there is a machine or a host of that name")

    def _host(self, name: str) -> Host:
        hosts = self._cloud.topology.compute_hosts
        for host in hosts:
            if host.name == name:
                return host
        names = ", ".join(host.name for host in hosts)
        raise BadInput(f"cannot boot on {name!r}: the hosts with VFs are {names}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold off other boots: two must not choose the same VF."""
        with locked(self._cloud.lab.root / "hosts" / "boot.lock"):
            yield
