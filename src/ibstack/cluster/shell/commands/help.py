# SPDX-License-Identifier: Apache-2.0
"""Commands about the shell itself: help, and files of commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ibstack.cluster.model.catalogue import KINDS, top_kinds
from ibstack.cluster.shell.command import Call, Command, Worded
from ibstack.cluster.shell.context import AtObject, Running
from ibstack.cluster.shell.lines import whole_lines
from ibstack.cluster.shell.options import Option
from ibstack.cluster.shell.vocabulary import submodes, suggestion
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.kind import Kind

_DEEPEST: Final = 16
_OF_PROPERTIES: Final = ("set", "get", "append", "removefrom", "clear")


class _Explaining(AtObject, Running, Worded, Protocol):
    """The words, where one is, and lines of files to run."""


def _help(shell: _Explaining, call: Call) -> None:
    if call.arguments:
        _explain(shell, " ".join(call.arguments))
        return
    modes = ", ".join(kind.name for kind in top_kinds())
    shell.output.say("Modes: " + modes)
    inner = submodes(shell.place)
    if inner:
        shell.output.say("Submodes: " + ", ".join(kind.name for kind in inner))
    here = [each for each in shell.vocabulary.commands if each.where.allows(shell.place)]
    shell.output.say("Commands:", *_summaries(here))
    shell.output.say("help COMMAND tells more of one; help set PROPERTY explains a property")


def _summaries(commands: Sequence[Command]) -> list[str]:
    width = max(len(each.name) for each in commands)
    return [f"  {each.name:{width}}  {each.summary}" for each in commands]


def _explain(shell: _Explaining, text: str) -> None:
    word, _, prop = text.partition(" ")
    found = [each for each in shell.vocabulary.commands if word in (each.name, *each.aliases)]
    here = [each for each in found if each.where.allows(shell.place)]
    if word in ("set", "get") and prop:
        _explain_property(shell, prop)
    elif here or found:
        for each in here or found:
            shell.output.say(*_explanation(each))
        kind = KINDS.get(shell.place.kind)
        if word in _OF_PROPERTIES and kind is not None:
            listed = ", ".join(each.name for each in kind.properties)
            shell.output.say(
                f"  Properties in {kind.name}, which help {kind.name} explains: {listed}"
            )
    elif word in KINDS:
        shell.output.say(*_kind_explanation(KINDS[word]))
    else:
        names = [*KINDS, *(each.name for each in shell.vocabulary.commands)]
        near = suggestion(word, names)
        raise BadInput(f"cannot help with {word!r}: no such command; {near or 'help lists them'}")


def _explanation(command: Command) -> list[str]:
    lines = [f"{command}", f"  {command.summary}"]
    if command.aliases:
        lines.append(f"  Also: {', '.join(command.aliases)}")
    lines += [f"  {option!s:24} {option.help}" for option in command.options]
    return [*lines, f"  It works {command.where.text}.", f"  Example: {command.example}"]


def _kind_explanation(kind: Kind) -> list[str]:
    where = f"a submode of {' and '.join(kind.inside)}" if kind.inside else "a mode"
    width = max(len(each.name) for each in kind.properties)
    lines = [f"{kind.name}: {where}"]
    return [*lines, *(f"  {each.name:{width}}  {each.help}" for each in kind.properties)]


def _explain_property(shell: _Explaining, name: str) -> None:
    kind = KINDS.get(shell.place.kind)
    prop = kind.find(name) if kind else None
    if kind is None or prop is None:
        where = f"{kind.name} has" if kind else "no mode is entered, so there is"
        raise BadInput(f"cannot help with property {name!r}: {where} no such; help MODE lists them")
    shell.output.say(f"{prop.name} ({prop.label}): {prop.help}")
    if prop.aliases:
        shell.output.say(f"  Also: {', '.join(prop.aliases)}")
    default = prop.type.show(prop.default)
    if default:
        shell.output.say(f"  Default: {default}")


def _run(shell: _Explaining, call: Call) -> None:
    if len(call.arguments) != 1:
        raise BadInput("cannot run: expected run FILE")
    name = call.arguments[0]
    if shell.depth >= _DEEPEST:
        raise BadInput(f"cannot run {name}: files run each other {_DEEPEST} deep; break the circle")
    try:
        text = Path(os.path.expanduser(name)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise BadInput(f"cannot run {name}: {why}") from error
    shell.depth += 1
    try:
        for line in whole_lines(text.splitlines()):
            if call.given.has("echo"):
                shell.output.say(line)
            if not shell.run(line) and call.given.has("quit"):
                return
    finally:
        shell.depth -= 1


COMMANDS: Final[tuple[Command, ...]] = (
    Command(
        "help",
        "List commands, or explain one, a mode, or a property.",
        "[COMMAND|MODE|set PROPERTY]",
        "help foreach",
        _help,
        aliases=("?",),
        of_no_object=True,
    ),
    Command(
        "run",
        "Run the commands in a file.",
        "[-x] [-q] FILE",
        "run /root/nodes.cmsh",
        _run,
        options=(
            Option("x", "echo", "", "print each line before it is run"),
            Option("q", "quit", "", "stop where a line fails"),
        ),
        moves=True,
        of_no_object=True,
    ),
)
