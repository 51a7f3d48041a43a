# SPDX-License-Identifier: Apache-2.0
"""Commands about one's own words for commands: alias, unalias, export."""

from __future__ import annotations

import re
from typing import Final

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.naming import meant
from ibstack.cluster.shell import tables
from ibstack.cluster.shell.command import Call, Command, Worded
from ibstack.cluster.shell.commands.properties import FORMAT
from ibstack.cluster.shell.grammar import parse, quote
from ibstack.cluster.shell.tables import Column, Listing
from ibstack.fabric.errors import BadInput

_ALIASES: Final = (Column("name", "Name"), Column("commands", "Commands"))
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
)
