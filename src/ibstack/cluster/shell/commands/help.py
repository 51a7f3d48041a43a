# SPDX-License-Identifier: Apache-2.0
"""Commands about the shell itself: help, files of commands, and one's own words for commands."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ibstack.cluster.model.catalogue import KINDS, top_kinds
from ibstack.cluster.model.naming import meant
from ibstack.cluster.shell import tables
from ibstack.cluster.shell.command import Call, Command, Worded
from ibstack.cluster.shell.commands.properties import FORMAT
from ibstack.cluster.shell.context import AtObject, Running
from ibstack.cluster.shell.grammar import parse, quote
from ibstack.cluster.shell.lines import whole_lines
from ibstack.cluster.shell.options import Option
from ibstack.cluster.shell.tables import Listing, named_columns
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


_ALIASES: Final = named_columns("name", "commands")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def _alias(shell: Worded, call: Call) -> None:
    known = shell.vocabulary.aliases
    if not call.arguments:
        rows = tuple({"name": name, "commands": text} for name, text in sorted(known.items()))
        listing = Listing(_ALIASES, rows)
        shell.output.say(*tables.printed(listing, call.given.get("format"), "No aliases"))
        return
    name, *words = call.arguments
    if not words:
        if name not in known:
            raise BadInput(f"cannot tell alias {name}: there is no such{meant(name, known)}")
        shell.output.say(f"alias {name} {quote(known[name])}")
        return
    _check(shell, name)
    # One word is a line as it would be typed; several are the words of a statement.
    text = words[0] if len(words) == 1 else " ".join(map(quote, words))
    if not parse(text):
        raise BadInput(f"cannot alias {name}: there are no commands in {text!r}")
    known[name] = text


def _check(shell: Worded, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(f"cannot alias {name!r}: expected letters, digits and _ . - for a name")
    if name in KINDS or shell.vocabulary.command(name) is not None:
        what = "mode" if name in KINDS else "command"
        raise BadInput(f"cannot alias {name}: there is a {what} of that name; use another")


def _unalias(shell: Worded, call: Call) -> None:
    known = shell.vocabulary.aliases
    if not call.arguments:
        raise BadInput("cannot unalias: no name is given; alias lists them")
    for name in call.arguments:
        if name not in known:
            raise BadInput(f"cannot unalias {name}: there is no such alias{meant(name, known)}")
    for name in call.arguments:
        known.pop(name, None)


def _export(shell: Worded, call: Call) -> None:
    if call.arguments:
        raise BadInput("cannot export: it takes nothing; write export > FILE")
    for name, text in sorted(shell.vocabulary.aliases.items()):
        shell.output.say(f"alias {name} {quote(text)}")


COMMANDS: Final[tuple[Command, ...]] = (
    Command(
        "alias",
        "Give commands a name of one's own, or list those names.",
        "[-f json] [NAME COMMANDS]",
        'alias computes "device list -f hostname,status"',
        _alias,
        options=(FORMAT,),
        of_no_object=True,
        takes_statement=True,
    ),
    Command(
        "unalias",
        "Forget names that were given to commands.",
        "ALIAS…",
        "unalias computes",
        _unalias,
        of_no_object=True,
    ),
    Command(
        "export",
        "Print the commands that make the aliases again, for a file that run reads.",
        "",
        "export > aliases.cmsh",
        _export,
        of_no_object=True,
    ),
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
