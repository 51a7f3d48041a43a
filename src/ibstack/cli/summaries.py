# SPDX-License-Identifier: Apache-2.0
"""What each command does in one line, read from its text: to import all of them takes a second."""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cliff.command import Command
from cliff.commandmanager import CommandManager, EntryPointWrapper

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint


class LazyCommands(CommandManager):
    """Knows commands by name; who goes through all of them gets stand-ins that say what they do.

    cliff's help does, and asks each for its description only.
    """

    def __iter__(self) -> Iterator[tuple[str, EntryPointWrapper | EntryPoint]]:
        for name, entry in self.commands.items():
            if _is_installed(entry.value):
                yield name, EntryPointWrapper(name, _described(entry.value))


def summary(target: str) -> str:
    """Return the first line of the docstring of a class, `package.module:Class`; "" without one."""
    module, _, name = target.partition(":")
    return _summaries(module).get(name, "")


class _Described(Command):
    """Stands for a command in a list of them."""

    def take_action(self, _parsed: Namespace) -> int:
        raise AssertionError("a list of commands runs none of them")


def _is_installed(target: str) -> bool:
    """Say whether the distribution of a command is here: ibstack-lab is one of its own."""
    return find_spec(target.partition(".")[0]) is not None


def _described(target: str) -> type[Command]:
    return type("Described", (_Described,), {"_description": summary(target)})


@cache
def _summaries(module: str) -> dict[str, str]:
    spec = find_spec(module)
    # Where there is no text, as of modules that are there compiled only, nothing is said.
    source = getattr(spec.loader, "get_source", None) if spec else None
    text = source(module) if source else None
    if text is None:
        return {}
    classes = (node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    return {node.name: (ast.get_docstring(node) or "").partition("\n")[0] for node in classes}
