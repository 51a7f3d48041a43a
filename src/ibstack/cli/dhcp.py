# SPDX-License-Identifier: Apache-2.0
"""`ibstack dhcp …`: what goes on between guests and Neutron's DHCP agent."""

from __future__ import annotations

import os
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cliff.command import Command

from ibstack.cli.shell import ExampleInHelp
from ibstack.fabric.printable import printable
from ibstack.views.dhcp_watch import STATE_PATH, watch_requests

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


class DhcpWatchCommand(ExampleInHelp, Command):
    """Name the guests whose DHCP requests nobody answers, one line each, until Ctrl-C.

    Run it as root on a host of neutron-dhcp-agent.  dnsmasq is silent about such guests.
    """

    example = "ibstack dhcp watch"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--state-path",
            metavar="DIR",
            type=Path,
            default=STATE_PATH,
            help="state_path of dhcp_agent.ini (%(default)s)",
        )
        parser.add_argument(
            "--network", metavar="ID", default="", help="watch this network only; its id"
        )

    def take_action(self, parsed: Namespace) -> None:
        watch_requests(parsed.state_path, _say, parsed.network, threading.Event(), uid=os.geteuid())


def _say(line: str) -> None:
    now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    print(f"{now} {printable(line)}", flush=True)
