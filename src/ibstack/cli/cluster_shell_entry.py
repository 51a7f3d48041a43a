# SPDX-License-Identifier: Apache-2.0
"""`ibstack shell` among cliff's commands, where `ibstack help` looks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cliff.command import Command

from ibstack.cli import cluster_shell
from ibstack.cli.shell import ExampleInHelp

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


class ClusterShell(ExampleInHelp, Command):
    """Speak to the cluster: typed into, or given commands by -c, -f or a pipe."""

    example = cluster_shell.EXAMPLE

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        cluster_shell.add_arguments(parser)
        return parser

    def take_action(self, parsed: Namespace) -> int:
        return cluster_shell.run(parsed)
