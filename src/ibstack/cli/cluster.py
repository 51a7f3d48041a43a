# SPDX-License-Identifier: Apache-2.0
"""`ibstack cluster export|plan|apply|schema|history|undo`: the cluster's state, as a whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cliff.command import Command

from ibstack.cli import cluster_shell
from ibstack.cli.cluster_command import ClusterCommand, ClusterLister, cluster_of
from ibstack.cli.shell import ExampleInHelp, Table, say, table
from ibstack.fabric.errors import DIFFERS, BadInput
from ibstack.fabric.printable import printable
from ibstack.runtime.atomic_file import replace_file
from ibstack.views import cluster_changes as view
from ibstack.views.cluster import follow

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ibstack.views.cluster import Cluster
    from ibstack.views.cluster_changes import Committed, Planned

HISTORY_COLUMNS: Final = ("number", "author", "time", "objects")
"""Names are the keys of `-f json`, so they must not change."""
_STANDARD: Final = "-"
_SHOWN: Final = 20


class ClusterExport(ClusterCommand):
    """Write the whole cluster to a YAML file that only its owner may read; - is standard output.

    Values of config file modifications that are secrets are ***, and such a file is not taken back;
    with --secrets they are as they are.
    """

    example = "ibstack cluster export cluster.yaml"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("file", metavar="FILE", help="the file, or -")
        parser.add_argument("--secrets", action="store_true", help="write passwords too")

    def take_action(self, parsed: Namespace) -> int:
        text = view.exported(cluster_of(parsed), secrets=parsed.secrets)
        if parsed.file == _STANDARD:
            sys.stdout.write(text)
        else:
            _write(Path(parsed.file), text)
        return 0


class _FromAFile(ClusterCommand):
    """What the file says that the cluster is not."""

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")

    def take_action(self, parsed: Namespace) -> int:
        file, cluster = view.read_file(_text(parsed.file), parsed.file), cluster_of(parsed)
        plan = view.planned(cluster, file)
        for each in plan.warnings:
            say(f"warning: {each}")
        if not plan.changes:
            print("The cluster is as the file says")
            return 0
        return self.follow(cluster, plan)

    def follow(self, cluster: Cluster, plan: Planned) -> int:
        """Do with the changes what the command is for; return its exit code."""
        raise NotImplementedError


class ClusterPlan(_FromAFile):
    """Show what `apply` would change; exit code 3 where that is anything.

    The file is all there is: what it does not have would be removed.
    """

    example = "ibstack cluster plan cluster.yaml"

    def follow(self, cluster: Cluster, plan: Planned) -> int:
        print("\n".join(plan.lines))
        for line in view.changes_on_hosts(cluster, plan):
            print(printable(line))
        return DIFFERS


class ClusterApply(_FromAFile):
    """Make the cluster what the file says, in one commit, and bring that to the hosts.

    The file is all there is: what it does not have is removed.
    """

    example = "ibstack cluster apply cluster.yaml"

    def follow(self, cluster: Cluster, plan: Planned) -> int:
        return _follow(cluster, view.commit(cluster, plan, cluster_shell.author()))


class ClusterSchema(ExampleInHelp, Command):
    """Print the JSON Schema of the file."""

    example = "ibstack cluster schema > cluster-file.schema.json"

    def take_action(self, _parsed: Namespace) -> int:
        print(json.dumps(view.file_schema(), indent=2, ensure_ascii=False))
        return 0


class ClusterHistory(ClusterLister):
    """List commits, the newest first: who changed which objects, and when (UTC)."""

    example = "ibstack cluster history --limit 5 -f json"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--limit", type=int, default=_SHOWN, help="how many (%(default)s)")

    def take_action(self, parsed: Namespace) -> Table:
        return table(HISTORY_COLUMNS, view.history(cluster_of(parsed), parsed.limit))


class ClusterUndo(ClusterCommand):
    """Take one commit back, by a new one, and bring that to the hosts."""

    example = "ibstack cluster undo 12"

    def add_options(self, parser: ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("number", metavar="NUMBER", type=int, help="as history lists it")

    def take_action(self, parsed: Namespace) -> int:
        cluster = cluster_of(parsed)
        return _follow(cluster, view.undo(cluster, parsed.number, cluster_shell.author()))


class ClusterShell(ExampleInHelp, Command):
    """Speak to the cluster: typed into, or given commands by -c, -f or a pipe."""

    example = cluster_shell.EXAMPLE

    def add_options(self, parser: ArgumentParser) -> None:
        cluster_shell.add_arguments(parser)

    def take_action(self, parsed: Namespace) -> int:
        return cluster_shell.run(parsed)


def _follow(cluster: Cluster, done: Committed) -> int:
    """Print a commit and let the hosts follow it; return 1 where one of them could not."""
    print("\n".join(done.lines))
    return int(not follow(cluster, done.before, done.after, tell))


def tell(event: object) -> None:
    """Print what happened on a host, beside the answer."""
    print(event, file=sys.stderr)


def _text(name: str) -> str:
    try:
        return sys.stdin.read() if name == _STANDARD else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise BadInput(f"cannot read the cluster file {name}: {why}") from error


def _write(path: Path, text: str) -> None:
    """Put *text* at *path*, whole or not at all, for its owner alone."""
    try:
        replace_file(path, text, mode=0o600)
    except OSError as error:
        raise BadInput(f"cannot write the cluster file {path}: {error.strerror}") from error
