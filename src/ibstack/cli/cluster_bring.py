# SPDX-License-Identifier: Apache-2.0
"""`ibstack cluster bring`: hosts get what they missed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ibstack.cli.cluster_hosts import hosts_of
from ibstack.cli.cluster_place import ClusterCommand, place_of
from ibstack.cluster.shell.node_list import expand
from ibstack.fabric.errors import Refused

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ibstack.cluster.hosts.events import Event


class ClusterBring(ClusterCommand):
    """Bring hosts the files that the cluster has for them, and start their services.

    For those that were away when something was committed.  What was edited by hand is kept aside,
    services that an operator stopped stay so.  Exit code 1 where a host could not be brought all.
    """

    example = "ibstack cluster bring node001..node003"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("hosts", metavar="HOSTS", help="as node[001-003] or a,b")
        return parser

    def take_action(self, parsed: Namespace) -> int:
        place = place_of(parsed)
        if place.reach is None:
            raise Refused(
                "cannot bring hosts anything: they are not reached from here;"
                " set [hosts] reach in the settings"
            )
        names = hosts_of(place.store.load(), expand(parsed.hosts), "bring anything to")
        failed = False

        def tell(event: Event) -> None:
            nonlocal failed
            failed = failed or event.severity == "error"
            print(event, file=sys.stderr)

        place.reach.bring(names, tell)
        return int(failed)
