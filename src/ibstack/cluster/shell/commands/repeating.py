# SPDX-License-Identifier: Apache-2.0
"""Commands around a command: how long it takes, and what it says again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.shell import walk
from ibstack.cluster.shell.command import Call, Command
from ibstack.cluster.shell.grammar import Part, Statement, Word, quote
from ibstack.cluster.shell.options import Option
from ibstack.fabric.errors import BadInput, IbstackError, Refused

if TYPE_CHECKING:
    from ibstack.cluster.shell.session import Session

_EVERY_S: Final = "2"
_LONGEST_S: Final = 86400
_CLEAR: Final = "\033[H\033[2J"


def _statement(call: Call, doing: str) -> Statement:
    if not call.arguments:
        raise BadInput(f"cannot {doing}: no command is given; write {doing} COMMAND")
    words = tuple(Word((Part(text),)) for text in call.arguments)
    return Statement(words, call.block)


def _time(session: Session, call: Call) -> None:
    statement = _statement(call, "time")
    started = session.clock()
    try:
        walk.run(session, statement)
    finally:
        session.say(f"real {(session.clock() - started).total_seconds():.3f} s")


def _watch(session: Session, call: Call) -> None:
    statement = _statement(call, "watch")
    every_s = _seconds(call.given.get("interval") or _EVERY_S)
    if session.rest is None:
        raise Refused("cannot watch: nobody is at a terminal to end it; run the command itself")
    line = " ".join(quote(word) for word in call.arguments)
    here = session.place
    try:
        while not session.finished:
            _refresh(session)
            clear = _CLEAR if session.out.isatty() else ""
            now = f"{session.clock():%a %b %d %H:%M:%S %Y}"
            session.say(f"{clear}Every {every_s:g} s: {line}  {now}  (Ctrl-C ends it)", "")
            try:
                walk.run(session, statement)
            except IbstackError as error:
                # What fails now may be well the next time: a host that starts.
                session.complain(error)
            session.place = here
            session.out.flush()
            session.rest(every_s)
    except KeyboardInterrupt:
        session.place = here


def _seconds(text: str) -> float:
    try:
        every_s = float(text)
    except ValueError:
        every_s = 0.0
    if not 0.1 <= every_s <= _LONGEST_S:
        raise BadInput(f"cannot watch every {text!r} s: expected 0.1 to {_LONGEST_S}")
    return every_s


def _refresh(session: Session) -> None:
    """See what others have committed; not under edits: they are judged by what was seen."""
    if not session.draft.edits:
        session.saving.take(session.store.load(session.draft.base))


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
