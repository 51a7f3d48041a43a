# SPDX-License-Identifier: Apache-2.0
"""cliff's application, with ibstack's manners: exit codes that mean something, short messages."""

from __future__ import annotations

import enum
import importlib.metadata
import logging
import sys
from typing import TYPE_CHECKING, Any, Final

import cliff.lister
import cliff.show
from cliff.app import App
from cliff.columns import FormattableColumn

from ibstack.fabric.errors import IbstackError
from ibstack.fabric.printable import lines, printable

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterable, Sequence

    from cliff.command import Command
    from cliff.commandmanager import CommandManager

_ESCAPES: Final = ("json", "yaml")
"""Formats that write out by themselves what is not printable, and that programs read."""
_RUNS_ANOTHER: Final = ("lab", "exec")
FABRICD_CONF: Final = "/etc/ibstack/fabricd.conf"

Table = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""The names of the columns, which are the keys of `-f json` and must not change, and the rows."""


class Shell(App):
    """`ibstack`: one command for each call, no prompt."""

    DEFAULT_VERBOSE_LEVEL = 0
    """Warnings and errors; -v adds what libraries say."""
    CONSOLE_MESSAGE_FORMAT = "ibstack: %(message)s"

    def __init__(self, manager: CommandManager) -> None:
        super().__init__(
            description="Isolated InfiniBand networks for OpenStack.",
            version=importlib.metadata.version("ibstack"),
            command_manager=manager,
            deferred_help=True,
        )
        self._failure: BaseException | None = None

    def configure_logging(self) -> None:
        """Set up as cliff does; what messages quote is made fit for a terminal."""
        super().configure_logging()
        for handler in logging.getLogger("").handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.addFilter(_made_printable)

    def run(self, argv: list[str]) -> int:
        """Run what *argv* says; options behind `lab exec NAME COMMAND` are the command's."""
        return int(super().run(_options_left(argv)))

    def run_subcommand(self, argv: list[str]) -> int:
        """Run a command; the exit code of an IbstackError is the process's."""
        status = int(super().run_subcommand(argv))
        if isinstance(self._failure, ModuleNotFoundError):
            raise self._failure
        return self._failure.exit_code if isinstance(self._failure, IbstackError) else status

    def clean_up(self, cmd: Command, result: int, err: BaseException | None) -> None:
        """Remember what went wrong: cliff prints it and forgets it."""
        self._failure = err


def _options_left(argv: Sequence[str]) -> list[str]:
    """Put `--` before the command of `lab exec`: cliff takes --help, -v and -q wherever they stand.

    An option before the command stays where it is: LabExec says where it belongs.
    """
    at = next((n for n in range(len(argv)) if tuple(argv[n : n + 2]) == _RUNS_ANOTHER), len(argv))
    name = at + len(_RUNS_ANOTHER)
    while argv[name : name + 1] and argv[name].startswith("-"):
        name += 2 if argv[name] == "--lab" else 1
    command = name + 1
    if command < len(argv) and not argv[command].startswith("-"):
        return [*argv[:command], "--", *argv[command:]]
    return list(argv)


class ExampleInHelp:
    """A command with options, whose `--help` ends with a line that a person can paste."""

    example: str

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)  # type: ignore[misc]
        self.add_options(parser)
        return parser

    def add_options(self, parser: ArgumentParser) -> None:
        """Give *parser* the options of the command; none of its own: without more."""

    def get_epilog(self) -> str:
        return f"example: {self.example}"


class Lister(ExampleInHelp, cliff.lister.Lister):
    """A command that answers with rows; what a host, an agent or a tenant chose is written out."""

    status = 0
    """The exit code, once the rows are printed."""

    def run(self, parsed: Namespace) -> int:
        printed = int(super().run(parsed))
        return printed or self.status

    def produce_output(
        self, parsed_args: Namespace, column_names: Sequence[str], data: Iterable[Sequence[Any]]
    ) -> int:
        if parsed_args.formatter not in _ESCAPES:
            data = [_cells(row) for row in data]
        return int(super().produce_output(parsed_args, column_names, data))


class ShowOne(ExampleInHelp, cliff.show.ShowOne):
    """A command that answers with one object; the same is done to its values."""

    def produce_output(
        self, parsed_args: Namespace, column_names: Sequence[str], data: Sequence[Any]
    ) -> int:
        if parsed_args.formatter not in _ESCAPES:
            data = _cells(data)
        return int(super().produce_output(parsed_args, column_names, data))


def say(line: object) -> None:
    """Tell a person one line beside the answer."""
    print(f"ibstack: {printable(str(line))}", file=sys.stderr)


def table(
    columns: Sequence[str],
    rows: Iterable[object],
    fold: Callable[[Sequence[str]], str] = ",".join,
) -> Table:
    """Return the fields of a view's rows that *columns* name, as every format can write them.

    None stays null, a value is spelled as str() spells it, and *fold* makes one line of names.
    """

    def spelled(value: Any) -> Any:
        if isinstance(value, enum.Enum):
            return value.value
        if value is None or isinstance(value, str | int):
            return value
        return _Names(value, fold) if isinstance(value, tuple) else str(value)

    return tuple(columns), [tuple(spelled(getattr(row, name)) for name in columns) for row in rows]


class _Names(FormattableColumn[tuple[str, ...]]):
    """Several names: a list for programs, a line for people."""

    def __init__(self, names: tuple[str, ...], fold: Callable[[Sequence[str]], str]) -> None:
        super().__init__(names)
        self._fold = fold

    def human_readable(self) -> str:
        return self._fold(self._value)

    def machine_readable(self) -> Any:
        return list(self._value)


class _Printable(FormattableColumn[FormattableColumn[Any]]):
    """A cell that looks otherwise to people than to programs, and is printable to both."""

    def human_readable(self) -> str:
        return printable(str(self._value.human_readable()))

    def machine_readable(self) -> Any:
        found = self._value.machine_readable()
        many = isinstance(found, list | tuple)
        return [_cell(each) for each in found] if many else _cell(found)


def _cells(row: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(map(_cell, row))


def _cell(value: Any) -> Any:
    if isinstance(value, FormattableColumn):
        return _Printable(value)
    return printable(value) if isinstance(value, str) else value


def _made_printable(record: logging.LogRecord) -> bool:
    """Write out what is not printable in a message; several lines are several faults."""
    record.msg, record.args = lines(record.getMessage()), ()
    return True
