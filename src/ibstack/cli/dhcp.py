# SPDX-License-Identifier: Apache-2.0
"""`ibstack dhcp …`: what goes on between guests and Neutron's DHCP agent."""

from __future__ import annotations

import os
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cliff.command import Command

from ibstack.cli.shell import ExampleInHelp
from ibstack.fabric.errors import BadInput
from ibstack.fabric.printable import printable
from ibstack.neutron.agents.dhcp_watch import DhcpWatch

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_STATE_PATH: Final = Path("/var/lib/neutron")


class DhcpWatchCommand(ExampleInHelp, Command):
    """Name the guests whose DHCP requests nobody answers, one line each, until Ctrl-C.

    Run it as root on a host of neutron-dhcp-agent.  dnsmasq is silent about such guests.
    """

    example = "ibstack dhcp watch"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--state-path",
            metavar="DIR",
            type=Path,
            default=_STATE_PATH,
            help="state_path of dhcp_agent.ini (%(default)s)",
        )
        parser.add_argument(
            "--network", metavar="ID", default="", help="watch this network only; its id"
        )
        return parser

    def take_action(self, parsed: Namespace) -> None:
        if os.geteuid():
            raise BadInput("cannot watch DHCP requests: this needs root")
        if not parsed.state_path.is_dir():
            raise BadInput(
                f"cannot watch DHCP requests: there is no folder {parsed.state_path}; give"
                " --state-path as neutron-dhcp-agent has it, and run this on its host"
            )
        DhcpWatch(parsed.state_path, _say, parsed.network).run(threading.Event())


def _say(line: str) -> None:
    now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    print(f"{now} {printable(line)}", flush=True)
