# SPDX-License-Identifier: Apache-2.0
"""The reference of the shell names every command as it is."""

from pathlib import Path

import pytest

from ibstack.cluster.shell.command import ANYWHERE, Command
from ibstack.cluster.shell.registry import COMMANDS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "shell.md").read_text(encoding="utf-8")


def line(command: Command) -> str:
    also = ", ".join(f"`{alias}`" for alias in command.aliases)
    where = "" if command.where is ANYWHERE else f"  It works {command.where.text}."
    return f"* `{command}`: {command.summary}{f'  Also {also}.' if also else ''}{where}"


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_the_reference_has_the_command(command: Command) -> None:
    assert line(command) in PAGE.splitlines()


def test_the_reference_has_no_other_commands() -> None:
    assert sum(each.startswith("* `") and "`: " in each for each in PAGE.splitlines()) == len(
        COMMANDS
    )
