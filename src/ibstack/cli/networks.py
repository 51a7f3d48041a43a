# SPDX-License-Identifier: Apache-2.0
"""`ibstack network …`: what Neutron's ini files mean for a tenant's networks."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final

from ibstack.cli.shell import Lister, Table, say, table
from ibstack.fabric.errors import DIFFERS
from ibstack.fabric.ipoib import IpoibMode
from ibstack.views.network_defaults import (
    CONFIG_FILES,
    IB_MTUS_BYTES,
    DefaultRow,
    FabricMtu,
    network_defaults,
    smallest_mtu_on_the_fabric,
)

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

COLUMNS: Final = tuple(each.name for each in fields(DefaultRow))
"""Names are the keys of `-f json`, so they must not change."""


class NetworkDefaults(Lister):
    """Explain where a tenant's plain `openstack network create` lands, by Neutron's ini files.

    The rows are in the order in which Neutron tries them.  For physical networks that are
    InfiniBand ([infiniband] physical_networks, or --infiniband) the MTU is compared with the
    fabric's: exit code 3 where they differ, and the remedy on stderr.
    """

    example = "ibstack network defaults --infiniband ibhostnet --fabric-mtu 2048"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--config-file",
            metavar="FILE",
            action="append",
            help=f"as neutron-server is started with, repeatable ({', '.join(CONFIG_FILES)})",
        )
        parser.add_argument(
            "--infiniband",
            metavar="PHYSICAL-NETWORK",
            action="append",
            default=[],
            help="this one is InfiniBand, repeatable",
        )
        fabric = parser.add_mutually_exclusive_group()
        fabric.add_argument(
            "--fabric-mtu", type=int, choices=IB_MTUS_BYTES, help="what the links carry, in bytes"
        )
        fabric.add_argument(
            "--read-fabric",
            action="store_true",
            help="read what the links carry, through a port of this machine (as root)",
        )
        parser.add_argument(
            "--group-mtu",
            type=int,
            choices=IB_MTUS_BYTES,
            default=2048,
            help="mtu= of the partitions in partitions.conf, in bytes (%(default)s: there is none)",
        )
        parser.add_argument(
            "--mode",
            choices=[each.value for each in IpoibMode],
            default=IpoibMode.DATAGRAM.value,
            help="of IPoIB in the guests (%(default)s)",
        )

    def take_action(self, parsed: Namespace) -> Table:
        link = smallest_mtu_on_the_fabric(say) if parsed.read_fabric else parsed.fabric_mtu
        found = network_defaults(
            parsed.config_file or (),
            parsed.infiniband,
            None if link is None else FabricMtu(link, parsed.group_mtu),
            IpoibMode(parsed.mode),
            say,
        )
        for difference in found.differences:
            self.status = DIFFERS
            say(difference)
        return table(COLUMNS, found.rows)
