# SPDX-License-Identifier: Apache-2.0
"""`ibstack lab …`: a whole cloud on this machine, to try things in."""

from __future__ import annotations

import shlex
import sys
from argparse import REMAINDER
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cliff.command import Command
from cliff.lister import Lister
from cliff.show import ShowOne

from ibstack.cli.shell import ExampleInHelp
from ibstack.lab import accounts
from ibstack.lab.cloud import Cloud
from ibstack.lab.compute import Compute
from ibstack.lab.demo import Demo

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ibstack.lab.compute import Machine

_DIFFERS: Final = 3


class _LabCommand(ExampleInHelp):
    """A command on one lab."""

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)  # type: ignore[misc]
        parser.add_argument(
            "--lab", metavar="DIR", type=Path, default=Path(".lab"), help="its folder (%(default)s)"
        )
        return parser

    @staticmethod
    def cloud(parsed: Namespace) -> Cloud:
        return Cloud(parsed.lab, say=_say)


class LabUp(_LabCommand, Command):
    """Start the lab, and leave it running: Neutron, Keystone, OpenSM, hosts with VFs."""

    example = "ibstack lab up && ibstack lab boot vm1 --network net1 --host node002"

    def take_action(self, parsed: Namespace) -> int:
        seconds = self.cloud(parsed).up()
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
        return 0 if all(each.pid for each in self.cloud(parsed).status()) else _DIFFERS

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

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser = super().get_parser(prog_name)
        names = [who.name for who in accounts.ACCOUNTS]
        parser.add_argument(
            "--user", choices=names, default=accounts.OPERATOR.name, help="who (%(default)s)"
        )
        return parser

    def take_action(self, parsed: Namespace) -> int:
        for name, text in self.cloud(parsed).client_env(accounts.account(parsed.user)).items():
            print(f"export {name}={shlex.quote(text)}")
        return 0


class LabBoot(_LabCommand, ShowOne):
    """Boot a machine with a VF on a network, as nova does, and wait until its port is ACTIVE."""

    example = "ibstack lab boot vm1 --network ibnetwork --host node002 --project demo"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="NAME", help="what to call the machine and its port")
        parser.add_argument("--network", required=True, help="name of the tenant's network")
        parser.add_argument("--host", required=True, help="node002 (mlx4) or node003 (mlx5)")
        projects = [who.project for who in accounts.TENANTS]
        parser.add_argument(
            "--project", choices=projects, default=accounts.DEMO.project, help="(%(default)s)"
        )
        return parser

    def take_action(self, parsed: Namespace) -> tuple[Any, Any]:
        tenant = accounts.account(parsed.project)
        compute = Compute(self.cloud(parsed))
        machine, seconds = compute.boot(parsed.name, parsed.network, parsed.host, tenant)
        return _shown(machine, seconds)


class LabDelete(_LabCommand, Command):
    """Delete a machine: end its guest, unplug its VF, delete its port."""

    example = "ibstack lab delete vm1"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="NAME", help="a machine that was booted")
        return parser

    def take_action(self, parsed: Namespace) -> int:
        gone = Compute(self.cloud(parsed)).delete(parsed.name)
        _say(f"{gone.name} is gone; VF {gone.pci} of {gone.host} is free")
        return 0


class LabExec(_LabCommand, Command):
    """Run a command as on one of the lab's hosts: its fabric port, its eswitchd, in its folder."""

    example = "ibstack lab exec head ibstack partition audit --config-file etc/fabricd.conf"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("host", metavar="HOST", help="head, node001, node002 or node003")
        parser.add_argument("command", metavar="COMMAND", nargs=REMAINDER, help="and its arguments")
        return parser

    def take_action(self, parsed: Namespace) -> int:
        return self.cloud(parsed).run_on(parsed.host, parsed.command)


class LabDemo(_LabCommand, Command):
    """Show the whole way, from `openstack port create` to the fabric's tables, and clean up."""

    example = "ibstack lab demo"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser = super().get_parser(prog_name)
        # A folder of its own: it takes down what is there, and `ibstack lab up` may be in use.
        parser.set_defaults(lab=Path(".lab/demo"))
        return parser

    def take_action(self, parsed: Namespace) -> int:
        return Demo(self.cloud(parsed)).run()


def _shown(machine: Machine, seconds: float) -> tuple[Any, Any]:
    return (
        ("name", "port_id", "host", "pci", "mac", "status", "plug_to_active_s"),
        (
            *(machine.name, machine.port_id, machine.host, machine.pci, machine.mac),
            *(machine.status, round(seconds, 3)),
        ),
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
