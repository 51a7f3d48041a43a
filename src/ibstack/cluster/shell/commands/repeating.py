# SPDX-License-Identifier: Apache-2.0
"""Commands around a command: how long it takes, and what it says again and again."""

from __future__ import annotations

from typing import Final, Protocol

from ibstack.cluster.shell.command import Call, Command
from ibstack.cluster.shell.context import Attended, Moving, OnStore, Running
from ibstack.cluster.shell.grammar import Part, Statement, Word, quote
from ibstack.cluster.shell.options import Option
from ibstack.fabric.errors import BadInput, IbstackError, Refused

_EVERY_S: Final = "2"
_LONGEST_S: Final = 86400
_CLEAR: Final = "\033[H\033[2J"


class _Repeating(Attended, Moving, OnStore, Running, Protocol):
    """A statement again and again, before a person, on what is committed meanwhile."""


def _statement(call: Call, doing: str) -> Statement:
    if not call.arguments:
        raise BadInput(f"cannot {doing}: no command is given; write {doing} COMMAND")
    words = tuple(Word((Part(text),)) for text in call.arguments)
    return Statement(words, call.block)


def _time(shell: _Repeating, call: Call) -> None:
    statement = _statement(call, "time")
    started = shell.clock()
    try:
        shell.perform(statement)
    finally:
        shell.output.say(f"real {(shell.clock() - started).total_seconds():.3f} s")


def _watch(shell: _Repeating, call: Call) -> None:
    statement = _statement(call, "watch")
    every_s = _seconds(call.given.get("interval") or _EVERY_S)
    if shell.rest is None:
        raise Refused("cannot watch: nobody is at a terminal to end it; run the command itself")
    line = " ".join(quote(word) for word in call.arguments)
    here = shell.place
    try:
        while not shell.finished:
            _refresh(shell)
            clear = _CLEAR if shell.output.out.isatty() else ""
            now = f"{shell.clock():%a %b %d %H:%M:%S %Y}"
            shell.output.say(f"{clear}Every {every_s:g} s: {line}  {now}  (Ctrl-C ends it)", "")
            try:
                shell.perform(statement)
            except IbstackError as error:
                # What fails now may be well the next time: a host that starts.
                shell.output.complain(error)
            shell.place = here
            shell.output.out.flush()
            shell.rest(every_s)
    except KeyboardInterrupt:
        shell.place = here


def _seconds(text: str) -> float:
    try:
        every_s = float(text)
    except ValueError:
        every_s = 0.0
    if not 0.1 <= every_s <= _LONGEST_S:
        raise BadInput(f"cannot watch every {text!r} s: expected 0.1 to {_LONGEST_S}")
    return every_s


def _refresh(shell: _Repeating) -> None:
    """See what others have committed; not under edits: they are judged by what was seen."""
    if not shell.draft.edits:
        shell.commit_flow.take(shell.store.load(shell.draft.base))


COMMANDS: Final[tuple[Command, ...]] = (
    Command(
        "time",
        "Run a command, and print how long it took.",
        "STATEMENT",
        "time device foreach * (get ip)",
        _time,
        takes_block=True,
        takes_statement=True,
    ),
    Command(
        "watch",
        "Run a command every 2 seconds, or every -n, until Ctrl-C.",
        "[-n SECONDS] STATEMENT",
        "watch -n 5 device status",
        _watch,
        options=(Option("n", "interval", "SECONDS", "how long to wait between two runs"),),
        takes_block=True,
        takes_statement=True,
        looks_outside=True,
    ),
)
