# SPDX-License-Identifier: Apache-2.0
"""`ibstack cluster export|plan|apply|schema|history|undo`: the cluster's state, as a whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cliff.command import Command

from ibstack.cli import cluster_shell
from ibstack.cli.cluster_command import DIFFERS, ClusterCommand, ClusterLister, Names, cluster_of
from ibstack.cli.shell import ExampleInHelp, say
from ibstack.cluster.config.checks import problems_of
from ibstack.cluster.shell.differences import differences
from ibstack.cluster.text_file.plan import changes_to, plan
from ibstack.cluster.text_file.reading import ClusterFile, read
from ibstack.cluster.text_file.schema import schema
from ibstack.cluster.text_file.writing import export
from ibstack.fabric.errors import BadInput
from ibstack.fabric.printable import printable
from ibstack.runtime.atomic_file import replace_file
from ibstack.views import cluster as view

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from ibstack.cluster.model.state import Change, State
    from ibstack.cluster.rollout.events import Event
    from ibstack.views.cluster import Cluster

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

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("file", metavar="FILE", help="the file, or -")
        parser.add_argument("--secrets", action="store_true", help="write passwords too")
        return parser

    def take_action(self, parsed: Namespace) -> int:
        text = export(cluster_of(parsed).store.load(), secrets=parsed.secrets)
        if parsed.file == _STANDARD:
            sys.stdout.write(text)
        else:
            _write(Path(parsed.file), text)
        return 0


class _FromAFile(ClusterCommand):
    """What the file says that the cluster is not."""

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")
        return parser

    def take_action(self, parsed: Namespace) -> int:
        file, cluster = _file(parsed.file), cluster_of(parsed)
        present = cluster.store.load()
        changes = plan(present, file)
        _warn(file, changes)
        if not changes:
            print("The cluster is as the file says")
            return 0
        return self.follow(cluster, present, changes)

    def follow(self, cluster: Cluster, present: State, changes: Sequence[Change]) -> int:
        """Do with the changes what the command is for; return its exit code."""
        raise NotImplementedError


class ClusterPlan(_FromAFile):
    """Show what `apply` would change; exit code 3 where that is anything.

    The file is all there is: what it does not have would be removed.
    """

    example = "ibstack cluster plan cluster.yaml"

    def follow(self, cluster: Cluster, present: State, changes: Sequence[Change]) -> int:
        print("\n".join(differences(changes)))
        for line in view.host_lines(cluster, present, changes):
            print(printable(line))
        return DIFFERS


class ClusterApply(_FromAFile):
    """Make the cluster what the file says, in one commit, and bring that to the hosts.

    The file is all there is: what it does not have is removed.
    """

    example = "ibstack cluster apply cluster.yaml"

    def follow(self, cluster: Cluster, present: State, changes: Sequence[Change]) -> int:
        after = cluster.store.commit(changes, base=present, author=cluster_shell.author())
        print("\n".join(differences(changes)))
        return _follow(cluster, present, after)


class ClusterSchema(ExampleInHelp, Command):
    """Print the JSON Schema of the file."""

    example = "ibstack cluster schema > cluster-file.schema.json"

    def take_action(self, _parsed: Namespace) -> int:
        print(json.dumps(schema(), indent=2, ensure_ascii=False))
        return 0


class ClusterHistory(ClusterLister):
    """List commits, the newest first: who changed which objects, and when (UTC)."""

    example = "ibstack cluster history --limit 5 -f json"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--limit", type=int, default=_SHOWN, help="how many (%(default)s)")
        return parser

    def take_action(self, parsed: Namespace) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        rows: list[tuple[Any, ...]] = []
        for each in cluster_of(parsed).store.history(max(parsed.limit, 0)):
            objects = dict.fromkeys(str(change.path.top) for change in each.changes)
            time = f"{each.at:%Y-%m-%dT%H:%M:%SZ}"
            rows.append((each.number, each.author, time, Names(tuple(objects))))
        return HISTORY_COLUMNS, rows


class ClusterUndo(ClusterCommand):
    """Take one commit back, by a new one, and bring that to the hosts."""

    example = "ibstack cluster undo 12"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("number", metavar="NUMBER", type=int, help="as history lists it")
        return parser

    def take_action(self, parsed: Namespace) -> int:
        cluster = cluster_of(parsed)
        before = cluster.store.load()
        after = cluster.store.undo(parsed.number, author=cluster_shell.author(), known=before)
        print("\n".join(differences(changes_to(before, after))))
        return _follow(cluster, before, after)


class ClusterShell(ExampleInHelp, Command):
    """Speak to the cluster: typed into, or given commands by -c, -f or a pipe."""

    example = cluster_shell.EXAMPLE

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        cluster_shell.add_arguments(parser)
        return parser

    def take_action(self, parsed: Namespace) -> int:
        return cluster_shell.run(parsed)


def _follow(cluster: Cluster, before: State, after: State) -> int:
    """Let the hosts follow a commit; return 1 where one of them could not."""
    return int(not view.follow(cluster, before, after, tell))


def tell(event: Event) -> None:
    """Print what happened on a host, beside the answer."""
    print(event, file=sys.stderr)


def _warn(file: ClusterFile, changes: Sequence[Change]) -> None:
    """Tell what is odd in the objects that change, though it may be committed."""
    for each in problems_of(file.state, (change.path for change in changes)):
        if not each.is_error:
            say(f"warning: {each}")


def _file(name: str) -> ClusterFile:
    try:
        if name == _STANDARD:
            return read(sys.stdin.read(), name)
        return read(Path(name).read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise BadInput(f"cannot read the cluster file {name}: {why}") from error


def _write(path: Path, text: str) -> None:
    """Put *text* at *path*, whole or not at all, for its owner alone."""
    try:
        replace_file(path, text, mode=0o600)
    except OSError as error:
        raise BadInput(f"cannot write the cluster file {path}: {error.strerror}") from error
