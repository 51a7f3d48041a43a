# SPDX-License-Identifier: Apache-2.0
"""`ibstack host facts`: what this host shows of one port, for `ibstack port explain` elsewhere."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cliff.command import Command

from ibstack.cli.host import add_socket
from ibstack.cli.shell import FABRICD_CONF, ExampleInHelp
from ibstack.fabric.partition import PartitionKey
from ibstack.formats.codec import to_json
from ibstack.views.diagnosis import DHCP_FILES, host_facts, local_sources

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ibstack.views.diagnosis import LocalSources


def add_places(parser: ArgumentParser) -> None:
    """Add the options that say where things are on this host; the environment may say it too."""
    env = os.environ
    add_socket(parser)
    parser.add_argument(
        "--sysfs",
        metavar="DIR",
        type=Path,
        default=Path(env.get("IBSTACK_SYSFS") or "/sys"),
        help="where sysfs is (%(default)s)",
    )
    parser.add_argument(
        "--state-path",
        metavar="DIR",
        type=Path,
        default=env.get("IBSTACK_DHCP_STATE") or None,
        help=f"state_path of neutron-dhcp-agent (what {' and '.join(DHCP_FILES)} say)",
    )
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        action="append",
        help=f"the settings of ibstack-fabricd, may be repeated ({FABRICD_CONF})",
    )


def here(parsed: Namespace) -> LocalSources:
    """Return this host as *parsed* names its places."""
    named = os.environ.get("IBSTACK_FABRICD_CONF")
    return local_sources(
        os.environ.get("IBSTACK_HOST") or os.uname().nodename,
        socket=parsed.socket,
        sysfs=parsed.sysfs,
        dhcp_state_path=parsed.state_path,
        fabricd_files=parsed.config_file or [named or FABRICD_CONF],
    )


class HostFacts(ExampleInHelp, Command):
    """Print what this host shows of one port, as JSON; `ibstack port explain` asks hosts with it.

    --pci: the VF.  --key: the fabric, on a host of ibstack-fabricd.  --network: DHCP, on a host of
    neutron-dhcp-agent.  A part that cannot be had is null, and `missing` says why.
    """

    example = "ibstack host facts --mac fa:16:3e:00:00:01 --pci 0000:05:00.1"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mac", default="", help="the MAC of the port")
        parser.add_argument("--pci", metavar="ADDRESS", help="its VF here")
        parser.add_argument("--key", type=PartitionKey.parse, help="its partition key")
        parser.add_argument("--port-id", metavar="ID", help="its id in Neutron")
        parser.add_argument(
            "--guid", action="append", default=[], help="a port whose table to read, repeatable"
        )
        parser.add_argument("--network", metavar="ID", help="its network in Neutron")
        parser.add_argument(
            "--group",
            type=PartitionKey.parse,
            metavar="KEY",
            help="look for the IPoIB broadcast group of that partition",
        )
        parser.add_argument(
            "--physical-network", metavar="NAME", help="whose port here to look for it through"
        )
        parser.add_argument("-f", choices=["json"], default="json", help="(%(default)s)")
        add_places(parser)

    def take_action(self, parsed: Namespace) -> None:
        shown = host_facts(
            here(parsed),
            mac=parsed.mac,
            pci=parsed.pci,
            key=parsed.key,
            port_id=parsed.port_id,
            guids=parsed.guid,
            network=parsed.network,
            group=parsed.group,
            physical_network=parsed.physical_network,
        )
        print(json.dumps(to_json(shown)))
