# SPDX-License-Identifier: Apache-2.0
"""What all commands about a cluster share: the options that say which."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cliff.command import Command

from ibstack.cli.cluster_shell import STORE_VARIABLE
from ibstack.cli.shell import ExampleInHelp, Lister
from ibstack.views.cluster import SETTINGS, open_cluster

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ibstack.views.cluster import Cluster


def cluster_of(parsed: Namespace) -> Cluster:
    """Return the cluster that the options mean."""
    return open_cluster(parsed.store, parsed.config)


class _OfACluster(ExampleInHelp):
    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--store",
            metavar="URL",
            default=os.environ.get(STORE_VARIABLE),
            help=f"where the cluster is kept ({STORE_VARIABLE} says it too; else the settings do)",
        )
        parser.add_argument(
            "--config",
            metavar="FILE",
            type=Path,
            help=f"the settings of this machine's clusters ({SETTINGS})",
        )


class ClusterCommand(_OfACluster, Command):
    """A command about a cluster; what take_action() returns is its exit code."""


class ClusterLister(_OfACluster, Lister):
    """A listing about a cluster."""
