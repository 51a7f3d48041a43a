# SPDX-License-Identifier: Apache-2.0
"""`ibstack lab …`: a whole cloud on this machine, to try things in."""

from __future__ import annotations

import os
import shlex
import sys
from argparse import REMAINDER, BooleanOptionalAction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cliff.command import Command

from ibstack.cli import cluster_shell
from ibstack.cli.shell import ExampleInHelp, Lister, ShowOne
from ibstack.fabric.errors import DIFFERS, BadInput, TryLater
from ibstack.fabric.printable import lines, printable
from ibstack_lab.cloud import Cloud
from ibstack_lab.compute import Compute
from ibstack_lab.demo import Demo
from ibstack_lab.guests import mpi
from ibstack_lab.guests.dhcp_clients import DhcpClient, parse_identifier
from ibstack_lab.services import accounts

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ibstack_lab.guests.guest import Guest
    from ibstack_lab.machine import Machine


class _LabCommand(ExampleInHelp):
    """A command on one lab."""

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--lab", metavar="DIR", type=Path, default=Path(".lab"), help="its folder (%(default)s)"
        )

    @staticmethod
    def cloud(parsed: Namespace) -> Cloud:
        return Cloud(parsed.lab, say=_say)


class _MachineCommand(_LabCommand):
    """A command on one machine of the lab."""

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("name", metavar="NAME", help="a machine that was booted")

    def guest(self, parsed: Namespace) -> Guest:
        compute = Compute(self.cloud(parsed))
        return compute.guest(compute.machine(parsed.name))


class LabUp(_LabCommand, Command):
    """Start the lab, and leave it running: Neutron, Keystone, OpenSM, hosts with VFs."""

    example = "ibstack lab up && ibstack lab boot vm1 --network net1 --host node002"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--nova",
            action=BooleanOptionalAction,
            default=None,
            help="with the real nova: `openstack server create`, not `ibstack lab boot`"
            " (a new lab plays nova)",
        )
        return parser

    def take_action(self, parsed: Namespace) -> int:
        seconds = self.cloud(parsed).up(with_nova=parsed.nova)
        folder = "" if parsed.lab == Path(".lab") else f" --lab {shlex.quote(str(parsed.lab))}"
        _say(
            f'the lab is up after {seconds:.1f} s; eval "$(ibstack lab env{folder})" for openstack'
        )
        return 0


class LabDown(_LabCommand, Command):
    """End every process of the lab and remove all but its logs."""

    example = "ibstack lab down"

    def take_action(self, parsed: Namespace) -> int:
        cloud = self.cloud(parsed)
        cloud.down()
        _say(f"the lab in {cloud.lab.root} is down")
        return 0


class LabStatus(_LabCommand, Lister):
    """List the lab's processes; exit 3 where one of them does not run."""

    example = "ibstack lab status -f value -c component -c state"

    def run(self, parsed: Namespace) -> int:
        """Print the list; a lab that is not whole differs from what it should be."""
        super().run(parsed)
        return 0 if all(each.pid for each in self.cloud(parsed).status()) else DIFFERS

    def take_action(self, parsed: Namespace) -> tuple[Any, Any]:
        components = self.cloud(parsed).status()
        rows = [
            (each.name, "running" if each.pid else "stopped", each.pid, str(each.log))
            for each in components
        ]
        return ("component", "state", "pid", "log"), rows


class LabEnv(_LabCommand, Command):
    """Print what the openstack client needs to act as a user of the lab."""

    example = 'eval "$(ibstack lab env --user demo)" && openstack network list'

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        names = [who.name for who in accounts.ACCOUNTS]
        parser.add_argument(
            "--user", choices=names, default=accounts.OPERATOR.name, help="who (%(default)s)"
        )

    def take_action(self, parsed: Namespace) -> int:
        for name, text in self.cloud(parsed).client_env(accounts.account(parsed.user)).items():
            print(f"export {name}={shlex.quote(text)}")
        return 0


class LabBoot(_LabCommand, ShowOne):
    """Boot a machine with a VF on a network, as nova does, and wait until it has an address."""

    example = "ibstack lab boot vm1 --network ibnetwork --host node002 --project demo"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("name", metavar="NAME", help="what to call the machine and its port")
        parser.add_argument("--network", required=True, help="name of the tenant's network")
        parser.add_argument("--host", required=True, help="node002 (mlx4) or node003 (mlx5)")
        projects = [who.project for who in accounts.TENANTS]
        parser.add_argument(
            "--project", choices=projects, default=accounts.DEMO.project, help="(%(default)s)"
        )
        parser.add_argument(
            "--dhcp-client",
            choices=[each.value for each in DhcpClient],
            default=DhcpClient.NETWORKD.value,
            help="what asks for its address (%(default)s)",
        )
        parser.add_argument(
            "--client-id",
            metavar="TEXT",
            help="what the guest asks with, such as 20:fa:16:…, instead of what its GUID makes",
        )

    def take_action(self, parsed: Namespace) -> tuple[Any, Any]:
        identifier = parsed.client_id and parse_identifier(parsed.client_id)
        compute = _played(self.cloud(parsed))
        machine, seconds = compute.boot(
            *(parsed.name, parsed.network, parsed.host, accounts.account(parsed.project)),
            dhcp_client=DhcpClient(parsed.dhcp_client),
            client_id=identifier,
        )
        _say(f"{machine.name} is ACTIVE {seconds:.2f} s after its plug; waiting for its address")
        try:
            address = compute.guest(machine).wait_for_address()
        except TryLater:
            _say(f"{machine.name} stays: see `ibstack lab console`, or `ibstack lab delete` it")
            raise
        return _shown(machine, seconds, address)


class LabDelete(_MachineCommand, Command):
    """Delete a machine: end its guest, unplug its VF, delete its port."""

    example = "ibstack lab delete vm1"

    def take_action(self, parsed: Namespace) -> int:
        gone = _played(self.cloud(parsed)).delete(parsed.name)
        _say(f"{gone.name} is gone; VF {gone.pci} of {gone.host} is free")
        return 0


class LabExec(_LabCommand, Command):
    """Run a command in a machine, or as on one of the lab's hosts.

    On a host: with its fabric port and its eswitchd, in its folder.  In a machine: in its network.
    """

    example = "ibstack lab exec vm1 -- ping -c 3 192.168.80.12"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("name", metavar="NAME", help="of a machine, or a host such as head")
        parser.add_argument("command", metavar="COMMAND", nargs=REMAINDER, help="and its arguments")

    def take_action(self, parsed: Namespace) -> int:
        command: list[str] = parsed.command
        if command[:1] == ["--"]:
            command = command[1:]  # argparse keeps what ends the options.
        elif command and command[0].startswith("-"):
            raise BadInput(
                f"cannot run {command[0]!r} in {parsed.name}: options of `ibstack lab exec` come"
                " before the name"
            )
        cloud = self.cloud(parsed)
        if parsed.name in [host.name for host in cloud.topology.hosts]:
            return cloud.run_on(parsed.name, command)
        compute = Compute(cloud)
        compute.guest(compute.machine(parsed.name)).become(command)


class LabSsh(_MachineCommand, Command):
    """Open a shell in a machine's network, until `exit`; the files are this machine's."""

    example = "ibstack lab ssh vm1"

    def take_action(self, parsed: Namespace) -> int:
        guest = self.guest(parsed)
        _say(f"a shell in {parsed.name}, whose address is {guest.address() or 'none yet'}")
        guest.become((os.environ.get("SHELL", "/bin/sh"),))


class LabShell(_LabCommand, Command):
    """Speak to the lab's cluster, on the article's starting state, in the cluster's shell.

    opensm, eswitchd, the agents and neutron-server are the lab's own processes; other services, and
    all files, are below the lab's folder.
    """

    example = 'ibstack lab shell -c "device use node001; services; stop opensm; status"'

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        cluster_shell.add_source(parser)

    def take_action(self, parsed: Namespace) -> int:
        from ibstack_lab.cluster import LabCluster  # With SQLAlchemy: the others do without.

        return cluster_shell.run(parsed, lambda _: LabCluster(self.cloud(parsed)).open())


class LabConsole(_MachineCommand, Command):
    """Show what a machine's DHCP client sent and was given."""

    example = "ibstack lab console vm1"

    def take_action(self, parsed: Namespace) -> int:
        print(lines(self.guest(parsed).exchange()), end="")
        return 0


class LabMpi(_LabCommand, Lister):
    """Run an MPI job with a rank in each of two machines, over nothing but their ib0."""

    example = "ibstack lab mpi vm1 vm2"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("first", metavar="NAME", help="the machine on which mpirun is started")
        parser.add_argument("second", metavar="OTHER", help="another machine of its network")

    def take_action(self, parsed: Namespace) -> tuple[Any, Any]:
        cloud = self.cloud(parsed)
        compute = Compute(cloud)
        pair = compute.machine(parsed.first), compute.machine(parsed.second)
        ranks = mpi.hello(cloud.lab, pair)
        return (
            ("rank", "machine", "address", "network_namespace", "heard_from"),
            [
                (each.number, each.machine, each.address, each.namespace, each.heard)
                for each in ranks
            ],
        )


class LabDemo(_LabCommand, Command):
    """Show the whole way, from `openstack port create` to the fabric's tables, and clean up."""

    example = "ibstack lab demo"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        # A folder of its own: it takes down what is there, and `ibstack lab up` may be in use.
        parser.set_defaults(lab=Path(".lab/demo"))

    def take_action(self, parsed: Namespace) -> int:
        return Demo(self.cloud(parsed)).run()


def _played(cloud: Cloud) -> Compute:
    """Return the played nova; BadInput where the lab has the real one."""
    if cloud.has_nova:
        # It gives VFs away by its own books: another that does so as well takes them twice.
        raise BadInput(
            "cannot play nova: this lab has the real one; use `openstack server create --flavor"
            " tiny --image small --nic port-id=PORT NAME` and `openstack server delete NAME`, after"
            ' eval "$(ibstack lab env)"'
        )
    return Compute(cloud)


def _shown(machine: Machine, seconds: float, address: str) -> tuple[Any, Any]:
    return (
        ("name", "port_id", "host", "pci", "mac", "status", "plug_to_active_s", "address"),
        (
            *(machine.name, machine.port_id, machine.host, machine.pci, machine.mac),
            *(machine.status, round(seconds, 3), address),
        ),
    )


def _say(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)
