# SPDX-License-Identifier: Apache-2.0
"""A command takes what it uses of a shell: who reads its first line knows what it can touch."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from ibstack.cluster.shell.command import ShellContext
from ibstack.cluster.shell.registry import COMMANDS

if TYPE_CHECKING:
    from ibstack.cluster.shell.command import Command


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_no_command_takes_the_whole_shell(command: Command) -> None:
    first, *_ = inspect.signature(command.run).parameters.values()

    assert first.annotation != ShellContext.__name__


def test_no_part_of_a_shell_is_as_large_as_the_shell() -> None:
    def members(part: type) -> set[str]:
        found = {name for each in part.__mro__ for name in (*vars(each), *_annotated(each))}
        return {name for name in found if not name.startswith("_")}

    parts = [each for each in ShellContext.__mro__ if each.__module__.startswith("ibstack")][1:]

    assert {part.__name__: len(members(part)) for part in parts if len(members(part)) > 8} == {}
    assert members(ShellContext) == set().union(*map(members, parts))


def _annotated(part: type) -> dict[str, object]:
    return dict(vars(part).get("__annotations__", {}))
