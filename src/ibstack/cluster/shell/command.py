# SPDX-License-Identifier: Apache-2.0
"""What a command of the shell is, where it may be typed, and what it finds there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ibstack.cluster.shell.context import (
    Answering,
    Attended,
    Moving,
    OnStore,
    Running,
    Selecting,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ibstack.cluster.shell.grammar import Statement
    from ibstack.cluster.shell.options import Given, Option
    from ibstack.cluster.shell.place import Place


@dataclass(frozen=True, slots=True)
class Call:
    """What was typed after the command."""

    given: Given
    block: tuple[Statement, ...] | None = None
    """The statements in parentheses."""

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.given.arguments


@dataclass(frozen=True, slots=True)
class Where:
    """The places in which a command may be typed."""

    text: str
    """After "it works": "in roles"."""
    kinds: frozenset[str] = frozenset()
    """In these modes and submodes; empty: in any."""
    at_top: bool = True
    """Also where no mode has been entered."""

    def allows(self, place: Place) -> bool:
        if not place.levels:
            return self.at_top
        return not self.kinds or place.kind in self.kinds


ANYWHERE: Final = Where("anywhere")
IN_A_MODE: Final = Where("in a mode, as device", at_top=False)


def in_kinds(*kinds: str) -> Where:
    """Return the places inside those modes and submodes."""
    return Where(f"in {' and '.join(kinds)}", frozenset(kinds), at_top=False)


@dataclass(frozen=True, slots=True)
class Command:
    """One command.  All that the shell knows of it is here: help and completion read it too."""

    name: str
    summary: str
    """One line for `help`."""
    usage: str
    """What follows the name."""
    example: str
    run: Callable[[ShellContext, Call], None]
    aliases: tuple[str, ...] = ()
    where: Where = ANYWHERE
    options: tuple[Option, ...] = ()
    takes_block: bool = False
    """It is followed by statements in parentheses."""
    stays: bool = False
    """After `MODE COMMAND …` one is where the command led, and not back where one was."""
    moves: bool = False
    """What follows it means another object where it fails."""
    of_no_object: bool = False
    """It means the same wherever one is, so a script that has lost its way may run it."""
    changes: bool = False
    """It edits the object that one is at."""
    takes_statement: bool = False
    """Its words are a command with that one's own options: only those before are its own."""
    of_object: bool = False
    """It is about one object: in a range, about each of the range where none is named."""
    looks_outside: bool = False
    """It reads or does what is outside the draft, so commits may not wait for it."""

    def __str__(self) -> str:
        return f"{self.name} {self.usage}".strip()


class Words(Protocol):
    """The words that a person may type, as commands about words ask for them."""

    aliases: dict[str, str]
    """Lines by the names that a person gave them."""

    @property
    def commands(self) -> Sequence[Command]:
        """Every command there is."""
        ...

    def command(self, word: str) -> Command | None:
        """Return the command of that name or alias, wherever it works."""
        ...


class Worded(Answering, Protocol):
    """The words that the shell knows."""

    @property
    def vocabulary(self) -> Words: ...


class ShellContext(Moving, Selecting, OnStore, Running, Attended, Worded, Protocol):
    """All that a command may find; implemented by Session.

    Only the table of commands asks for all of it: a command takes what it uses.
    """
