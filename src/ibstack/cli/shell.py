# SPDX-License-Identifier: Apache-2.0
"""cliff's application, with ibstack's manners: exit codes that mean something, short messages."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Final

from cliff.app import App

from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cliff.command import Command
    from cliff.commandmanager import CommandManager

_RUNS_ANOTHER: Final = ("lab", "exec")


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
    """For a command: `--help` ends with `example`, a line that a person can paste."""

    example: str

    def get_epilog(self) -> str:
        return f"example: {self.example}"
