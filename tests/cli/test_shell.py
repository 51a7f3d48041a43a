# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
import warnings
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

from command_line import IBSTACK, ibstack
from ibstack.cli.app import COMMANDS
from ibstack.cli.summaries import summary

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ("lab boot vm --network net --host node002", 2, "it is not up; run `ibstack lab up`"),
        ("lab delete vm", 2, "it is not up; run `ibstack lab up`"),
        ("lab env", 2, "it is not up; run `ibstack lab up`"),
        ("lab env --user nobody", 2, "invalid choice: 'nobody'"),
        ("lab boot vm --network net", 2, "required: --host"),
        ("lab fly", 2, ""),
        (f"lab up --lab {'x' * 120}", 2, "too long for the unix sockets in it"),
        ("lab down", 0, "is down"),
        ("lab status", 3, ""),
    ],
)
def test_a_command_says_what_is_wrong_and_exits_with_meaning(
    arguments: str, status: int, said: str, tmp_path: Path
) -> None:
    done = ibstack(*arguments.split(), cwd=tmp_path)

    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".lab").exists()


def test_a_message_is_one_line_that_names_the_program(tmp_path: Path) -> None:
    said = ibstack("lab", "delete", "vm", cwd=tmp_path).stderr

    assert said.startswith("ibstack: cannot ")
    assert said.count("\n") == 1


def test_a_traceback_is_shown_only_when_asked_for(tmp_path: Path) -> None:
    argv = [IBSTACK, "--debug", "lab", "delete", "vm"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_without_arguments_it_shows_its_commands(tmp_path: Path) -> None:
    done = ibstack(cwd=tmp_path)

    assert done.returncode == 0
    assert "lab up" in done.stdout


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_shows_an_example_of_the_command(command: str, tmp_path: Path) -> None:
    done = ibstack(*command.split(), "--help", cwd=tmp_path)

    assert done.returncode == 0
    assert f"ibstack {command}" in done.stdout.partition("\nexample: ")[2]


def test_the_list_of_commands_says_what_each_does(tmp_path: Path) -> None:
    said = ibstack("--help", cwd=tmp_path).stdout

    for name, target in COMMANDS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of libraries.
            described = EntryPoint(name, target, "").load().__doc__.splitlines()[0]
        assert summary(target) == described
        assert f"  {name:<13}  {described.rstrip('.')}\n" in said


def test_the_list_of_commands_imports_none_of_them(tmp_path: Path) -> None:
    program = (
        "import sys; from ibstack.cli.app import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'oslo_config', 'oslo_messaging', 'sqlalchemy', 'yaml'} & sys.modules.keys()\n"
        "sys.exit(str(heavy or '') or 0)"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True)

    assert done.returncode == 0, done.stderr
