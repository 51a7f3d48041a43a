# SPDX-License-Identifier: Apache-2.0
"""cliff's application, with ibstack's manners: exit codes that mean something, short messages."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

from cliff.app import App

from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from cliff.command import Command
    from cliff.commandmanager import CommandManager


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

    def run_subcommand(self, argv: list[str]) -> int:
        """Run a command; the exit code of an IbstackError is the process's."""
        status = int(super().run_subcommand(argv))
        if isinstance(self._failure, ModuleNotFoundError):
            raise self._failure
        return self._failure.exit_code if isinstance(self._failure, IbstackError) else status

    def clean_up(self, cmd: Command, result: int, err: BaseException | None) -> None:
        """Remember what went wrong: cliff prints it and forgets it."""
        self._failure = err


class ExampleInHelp:
    """For a command: `--help` ends with `example`, a line that a person can paste."""

    example: str

    def get_epilog(self) -> str:
        return f"example: {self.example}"
