# SPDX-License-Identifier: Apache-2.0
"""`ibstack shell`: the cluster's shell, typed into, or given commands by an option, file or pipe.

It does without cliff, whose import would take as long as all that most calls do.
"""

from __future__ import annotations

import argparse
import gc
import os
import pwd
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, IbstackError
from ibstack.fabric.printable import lines as printable_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ibstack.cluster.shell.session import Session
    from ibstack.views.cluster import Cluster

STORE_VARIABLE: Final = "IBSTACK_CLUSTER_STORE"
_ROOT: Final = 0
EXAMPLE: Final = 'ibstack shell -c "device; list"'


def main(arguments: Sequence[str]) -> int:
    """Run the shell; 1 where a statement failed, or what the error says that kept it from one."""
    try:
        return run(_parser().parse_args(arguments))
    except IbstackError as error:
        print(printable_lines(f"ibstack: {error}"), file=sys.stderr)
        return error.exit_code


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give *parser* the shell's options."""
    add_source(parser)
    parser.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get(STORE_VARIABLE),
        help="where the cluster is kept, if not where the settings say"
        f" ({STORE_VARIABLE} says it too); without --config no host is reached then",
    )
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="the settings (/etc/ibstack/cluster.conf)"
    )


def add_source(parser: argparse.ArgumentParser) -> None:
    """Give *parser* the options that say what is run, and how."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("-c", metavar="COMMANDS", dest="commands", help="run these, and leave")
    source.add_argument("-f", metavar="FILE", dest="file", type=Path, help="run those in FILE")
    parser.add_argument(
        "-q", "--quit", action="store_true", help="leave at the first statement that fails"
    )
    parser.add_argument(
        "-x", "--echo", action="store_true", help="print each line, after its prompt"
    )
    parser.add_argument(
        "--color", choices=("yes", "no"), help="without it: on a terminal, unless NO_COLOR is set"
    )


def open_cluster(options: argparse.Namespace) -> Cluster:
    """Return the cluster that *options* mean."""
    from ibstack.views import cluster

    return cluster.open_cluster(options.store, options.config)


def run(
    options: argparse.Namespace,
    cluster: Callable[[argparse.Namespace], Cluster] = open_cluster,
) -> int:
    """Run the shell with those options; return the exit code."""
    from ibstack.runtime.gc_pause import paused_collector

    lines = _lines(options)
    with paused_collector():
        session = _session(options, cluster(options))
        # All this stays, so no collection need walk it, neither a later one nor the one at the end.
        gc.freeze()
    if lines is None:
        from ibstack.cluster.shell.terminal import Terminal, colour_wanted, own_commands

        colour = colour_wanted(options.color)
        Terminal(session, colour=colour, commands=own_commands()).run()
    else:
        _run_lines(session, lines, echo=options.echo, quit_on_error=options.quit)
    return session.exit_code if lines is not None else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ibstack shell",
        description="The cluster's shell: typed into, or from -c, -f or a pipe.",
        epilog=f"example: {EXAMPLE}",
    )
    add_arguments(parser)
    return parser


def _lines(options: argparse.Namespace) -> Iterable[str] | None:
    """Return the lines to run; None: somebody types them."""
    if options.commands is not None:
        return str(options.commands).splitlines()
    if options.file is not None:
        try:
            return str(options.file.read_text(encoding="utf-8")).splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            raise BadInput(f"cannot run {options.file}: {why}") from error
    return None if sys.stdin.isatty() and sys.stdout.isatty() else _piped()


def _piped() -> Iterator[str]:
    """Yield the lines of standard input as they come."""
    try:
        yield from sys.stdin
    except UnicodeDecodeError as error:
        raise BadInput(f"cannot run the commands on standard input: {error}") from error


def _session(options: argparse.Namespace, cluster: Cluster) -> Session:
    from ibstack.cluster.shell.registry import COMMANDS
    from ibstack.cluster.shell.session import Session
    from ibstack.cluster.shell.unix_commands import UnixShell

    return Session(
        cluster.store,
        COMMANDS,
        reach=cluster.hosts,
        author=author(),
        out=sys.stdout,
        err=sys.stderr,
        unix=UnixShell(),
        quit_on_error=options.quit,
    )


def author() -> str:
    """Return who is at work: behind sudo, whoever called it.

    sudo runs as root and sets SUDO_USER itself; of anybody else it is a variable that they set, as
    are those that getpass reads.
    """
    try:
        caller = os.environ.get("SUDO_USER") if os.getuid() == _ROOT else None
        return caller or pwd.getpwuid(os.getuid()).pw_name
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _run_lines(session: Session, lines: Iterable[str], *, echo: bool, quit_on_error: bool) -> None:
    from ibstack.cluster.shell.lines import whole_lines

    for line in whole_lines(lines):
        if echo:
            print(f"{session.prompt}{line}")
        # Errors go another way: what was said before them shall also be read before them.
        sys.stdout.flush()
        failed = not session.run(line)
        sys.stdout.flush()
        if session.finished or (failed and quit_on_error):
            break
    session.hosts.wait_for_jobs()
    lost = len(session.draft.edits)
    if lost:
        objects = "an object was" if lost == 1 else f"{lost} objects were"
        print(f"ibstack: {objects} changed and not committed: dropped", file=sys.stderr)
