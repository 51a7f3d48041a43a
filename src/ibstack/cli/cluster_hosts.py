# SPDX-License-Identifier: Apache-2.0
"""`ibstack cluster lint|files|drift`: what follows from the cluster on hosts, and what is there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.cli.cluster import tell
from ibstack.cli.cluster_command import ClusterCommand, ClusterLister, cluster_of
from ibstack.cli.shell import Table, table
from ibstack.fabric.errors import DIFFERS
from ibstack.views.cluster import bring, drift
from ibstack.views.cluster_files import files, lint, origins

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

# Names are the keys of `-f json`, so they must not change.
LINT_COLUMNS: Final = (
    *("id", "severity", "place", "key", "value"),
    *("other_place", "other_value", "breaks", "remedy"),
)
FILE_COLUMNS: Final = ("path", "whole", "services", "objects")
ORIGIN_COLUMNS: Final = ("path", "key", "origin")
DRIFT_COLUMNS: Final = ("host", "what", "wanted", "found")
_FOR_PEOPLE: Final = ("severity", "place", "key", "value", "other_place", "remedy")


class ClusterLint(ClusterLister):
    """Find what is wrong in a cloud's configuration, across files and hosts.

    Read is what the cluster generates for its hosts, and with --host-files also what was collected
    from them: DIR/HOST/etc/…, with DIR/HOST/interfaces for the names of the host's interfaces.
    Exit code 3 where anything is wrong; -f json says also what breaks.
    """

    example = "ibstack cluster lint --host-files collected -f json"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--host-files", metavar="DIR", type=Path, help="files that were collected from hosts"
        )
        parser.add_argument(
            "--files-only", action="store_true", help="look at --host-files, and at no cluster"
        )

    def take_action(self, parsed: Namespace) -> Table:
        found = lint(None if parsed.files_only else cluster_of(parsed), parsed.host_files)
        self.status = DIFFERS if found else 0
        if parsed.formatter == "table" and not parsed.columns:
            parsed.columns = list(_FOR_PEOPLE)
            if not found:
                print("ibstack: nothing is wrong", file=sys.stderr)
        return table(LINT_COLUMNS, found)


class ClusterFiles(ClusterLister):
    """List the files that the cluster generates for a host, or what their keys follow from."""

    example = "ibstack cluster files node001 --origin"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("host", metavar="HOST")
        parser.add_argument("--origin", action="store_true", help="keys, and what they follow from")

    def take_action(self, parsed: Namespace) -> Table:
        cluster = cluster_of(parsed)
        if parsed.origin:
            return table(ORIGIN_COLUMNS, origins(cluster, parsed.host))
        return table(FILE_COLUMNS, files(cluster, parsed.host))


class ClusterDrift(ClusterLister):
    """Show what on hosts is not as the cluster says; exit code 3 where that is anything."""

    example = "ibstack cluster drift node001..node003"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "hosts", metavar="HOSTS", nargs="?", help="as node[001-003] or a,b; all without it"
        )

    def take_action(self, parsed: Namespace) -> Table:
        found = drift(cluster_of(parsed), parsed.hosts)
        self.status = DIFFERS if found else 0
        return table(DRIFT_COLUMNS, found)


class ClusterBring(ClusterCommand):
    """Bring hosts the files that the cluster has for them, and start their services.

    For those that were away when something was committed.  What was edited by hand is kept aside,
    services that an operator stopped stay so.  Exit code 1 where a host could not be brought all.
    """

    example = "ibstack cluster bring node001..node003"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("hosts", metavar="HOSTS", help="as node[001-003] or a,b")

    def take_action(self, parsed: Namespace) -> int:
        return int(not bring(cluster_of(parsed), parsed.hosts, tell))
