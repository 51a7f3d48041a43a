# SPDX-License-Identifier: Apache-2.0
"""What the first word of a statement means at a place: a command, a mode, or a submode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.model.catalogue import KINDS, kind, kinds_inside, top_kinds
from ibstack.cluster.model.kind import Kind
from ibstack.cluster.shell.command import Command
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ibstack.cluster.model.entity import EntityPath
    from ibstack.cluster.shell.place import Place

Meaning = Command | Kind


class NoSuchWord(BadInput):
    """A first word that means nothing here, or more than one thing."""


def submodes(place: Place) -> tuple[Kind, ...]:
    """Return the submodes that can be entered from *place*."""
    kinds = [name for name, _ in place.levels]
    return tuple({each.name: each for name in kinds for each in kinds_inside(name)}.values())


def submode_owner(place: Place, submode: Kind) -> EntityPath | None:
    """Return the object that *place* is at or inside of, and that has the submode."""
    at = place.owner
    while at is not None and at.kind not in submode.inside:
        at = at.parent
    return at


class Vocabulary:
    """The words that there are, place by place."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self.commands = tuple(commands)
        self.aliases: dict[str, str] = {}
        """Lines by the names that a person gave them."""
        # A loop over ten thousand objects asks the same thing of the same few places.
        self._known: dict[tuple[str, ...], dict[str, Meaning]] = {}

    def meanings(self, place: Place) -> Mapping[str, Meaning]:
        """Return every word that means something at *place*; commands come before modes."""
        kinds = tuple(name for name, _ in place.levels)
        if kinds not in self._known:
            found: dict[str, Meaning] = {each.name: each for each in top_kinds()}
            found.update({each.name: each for each in submodes(place)})
            here = [each for each in self.commands if each.where.allows(place)]
            found.update({alias: each for each in here for alias in each.aliases})
            found.update({each.name: each for each in here})
            self._known[kinds] = found
        return self._known[kinds]

    def meaning(self, word: str, place: Place) -> Meaning:
        """Return what *word* means at *place*: also a beginning of it, if it is of one only."""
        known = self.meanings(place)
        exact = known.get(word) or known.get(word.lower())
        if exact is not None:
            return exact
        names = sorted(name for name in known if word and name.startswith(word.lower()))
        if len({id(known[name]) for name in names}) == 1:
            return known[names[0]]
        if names:
            could_be = ", ".join(names)
            raise NoSuchWord(f"cannot run {word!r}: it could be {could_be}; write more of it")
        words = (*known, *self.aliases)
        raise NoSuchWord(f"cannot run {word!r}: {_why_not(word, words, self.commands)}")

    def command(self, word: str) -> Command | None:
        """Return the command of that name or alias, wherever it works."""
        for each in self.commands:
            if word.lower() in (each.name, *each.aliases):
                return each
        return None


def _why_not(word: str, known: Iterable[str], commands: Sequence[Command]) -> str:
    for command in commands:
        if command.name == word.lower():
            return f"not here; it works {command.where.text}"
    if word.lower() in KINDS:
        return f"not here; it belongs to an object of {' or '.join(kind(word.lower()).inside)}"
    return f"no such command here; {suggestion(word, known) or 'help lists them'}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return "did you mean …?" with the nearest of *known*, or nothing."""
    import difflib  # Only who mistypes something waits for it.

    spelled = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), spelled, n=1, cutoff=0.6)
    return f"did you mean {spelled[near[0]]}?" if near else ""
