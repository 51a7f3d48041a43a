# SPDX-License-Identifier: Apache-2.0
"""The table of today's commands is whole, and the one that needs neither host nor hardware runs."""

from __future__ import annotations

import importlib.metadata
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.replay.article_commands import Step, steps

OTHERS = [each for each in steps() if each.type in ("shell", "chroot-shell", "neutron")]


def _named(step: Step) -> str:
    return f"{step.number}-{step.type}"


def test_all_commands_of_other_programs_are_there() -> None:
    assert sum(step.type == "chroot-shell" for step in OTHERS) == 14
    assert sum(step.type == "shell" for step in OTHERS) == 17
    # All of them run on the lab's Neutron: tests/e2e/test_article_in_the_lab.py.
    assert [step.number for step in OTHERS if step.type == "neutron"] == [84, 88, 89, 90]


@pytest.mark.parametrize("step", OTHERS, ids=_named)
def test_a_command_has_one_of_today_or_the_reason_why_not(step: Step) -> None:
    assert step.today or step.note
    assert "neutron " not in (step.today or ""), "the program of that name is gone"


def test_ibstack_tells_its_version() -> None:
    today = next(step.today for step in OTHERS if step.number == 1)
    assert today is not None
    program, *words = shlex.split(today)
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert importlib.metadata.version("ibstack") in done.stdout
