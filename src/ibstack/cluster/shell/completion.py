# SPDX-License-Identifier: Apache-2.0
"""What the word before the cursor can become.  Pure, but for the files that it is told of.

A line is read by the shell's own grammar, with a mark at the cursor and what is open closed behind
it.  The statements before the cursor are followed only as far as they go somewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.kind import SINGLE, Kind
from ibstack.cluster.model.naming import find_name
from ibstack.cluster.shell.arguments import Asked, after_command
from ibstack.cluster.shell.command import Command
from ibstack.cluster.shell.grammar import Incomplete, Unreadable, parse, quote
from ibstack.cluster.shell.place import TOP, Place
from ibstack.cluster.shell.vocabulary import NoSuchWord, Vocabulary, submode_owner, submodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ibstack.cluster.model.state import View
    from ibstack.cluster.shell.grammar import Statement

_CURSOR: Final = "\0"
_DEEPEST: Final = 22
_SOME: Final = "*"
"""The name of the object at which a foreach's statements are completed: any."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What the text from *start* to the cursor can become."""

    start: int
    words: tuple[str, ...] = ()
    """Quoted where they must be."""


def complete(
    text: str,
    place: Place,
    view: View,
    vocabulary: Vocabulary,
    files: Callable[[str], Iterable[str]] = lambda prefix: (),
) -> Completion:
    """Return what the last word of *text*, typed at *place*, can become."""
    statements = _read(text)
    if not statements:
        return Completion(len(text))
    return _Line(view, vocabulary, files).complete(statements, place, len(text))


def _read(text: str) -> Sequence[Statement]:
    """Return the statements up to the cursor; none where no word can stand there."""
    if _CURSOR in text:
        return ()
    closed = text + _CURSOR
    for _ in range(_DEEPEST):
        try:
            return parse(closed)
        except Incomplete as error:
            closed += error.closer
        except Unreadable:
            return ()
    return ()


class _Line:
    """A line that is being typed."""

    def __init__(
        self, view: View, vocabulary: Vocabulary, files: Callable[[str], Iterable[str]]
    ) -> None:
        self._view = view
        self._vocabulary = vocabulary
        self._files = files

    def complete(self, statements: Sequence[Statement], place: Place, end: int) -> Completion:
        """Complete the last of *statements*, the first of which is typed at *place*."""
        *before, last = statements
        for statement in before:
            place = self._after(place, [word.text for word in statement.words])
        if last.block:
            inside = self._mode(place, [word.text for word in last.words])
            inner = inside.use(_SOME) if inside.levels else inside
            return self.complete(last.block, inner, end)
        if last.output is not None:
            return self._file(last.output.sign, last.output.target, end)
        if not last.words or any(part.is_command for part in last.words[-1].parts):
            return Completion(end)
        *typed, cursor = last.words
        prefix = cursor.text.removesuffix(_CURSOR)
        asked = Asked(
            self._view,
            place,
            prefix,
            self._vocabulary.commands,
            self._files,
            tuple(self._vocabulary.aliases),
        )
        found = self._candidates(asked, [word.text for word in typed])
        return Completion(cursor.at, _beginning(prefix, found))

    def _file(self, sign: str, target: str, end: int) -> Completion:
        prefix = target.removesuffix(_CURSOR)
        if sign == "|" or quote(prefix or "x") != (prefix or "x"):
            return Completion(end)
        return Completion(end - len(prefix), _beginning(prefix, self._files(prefix)))

    def _candidates(self, asked: Asked, words: Sequence[str]) -> Iterable[str]:
        place, rest = self._walk(asked.place, words)
        asked = replace(asked, place=place)
        if not rest:
            return self._first_words(place, asked.prefix, inside_only=bool(words))
        meaning = self._meaning(place, rest[0])
        if isinstance(meaning, Command) and meaning.takes_statement and meaning.takes_block:
            return self._inner(asked, meaning, rest[1:])
        if isinstance(meaning, Command):
            return after_command(asked, meaning, rest[1:])
        # A submode of an object that is still to be named.
        return asked.names() if meaning is not None and len(rest) == 1 else ()

    def _inner(self, asked: Asked, outer: Command, words: Sequence[str]) -> Iterable[str]:
        """Complete the command that follows `time` or `watch -n 5`."""
        options = {f"-{each.letter}" for each in outer.options}
        while words and words[0] in options:
            if len(words) == 1:
                return ()
            words = words[2:]
        if not words and asked.prefix.startswith("-"):
            return sorted(options)
        return self._candidates(asked, words)

    def _first_words(self, place: Place, prefix: str, *, inside_only: bool) -> list[str]:
        """Return commands, submodes, and where no mode word stands before it, modes.

        Who has typed nothing yet is not shown the commands that are single signs.
        """
        inner = {each.name for each in submodes(place)}
        return [
            word
            for word, meaning in self._vocabulary.meanings(place).items()
            if (isinstance(meaning, Command) or not inside_only or word in inner)
            and (prefix or word.isalpha())
        ] + ([] if inside_only else [*self._vocabulary.aliases])

    def _meaning(self, place: Place, word: str) -> Command | Kind | None:
        try:
            return self._vocabulary.meaning(word, place)
        except NoSuchWord:
            return None

    def _walk(self, place: Place, words: Sequence[str]) -> tuple[Place, Sequence[str]]:
        """Follow mode and submode words; return where they lead, and what is left."""
        while words:
            meaning = self._meaning(place, words[0])
            if not isinstance(meaning, Kind):
                break
            if not meaning.inside:
                place, words = TOP.enter(meaning.name), words[1:]
                continue
            owner = submode_owner(place, meaning)
            used = 1
            if owner is None:
                if len(words) == 1 or not place.levels:
                    break
                owner, used = place.object(self._name(place, words[1])), 2
            single = SINGLE if meaning.single else ""
            place, words = place.enter_submode(owner, meaning.name, single), words[used:]
        return place, words

    def _name(self, place: Place, word: str) -> str:
        """Return the object that *word* means, or one that is still to be made."""
        return find_name(self._view, place.kind, word, place.parent) or word

    def _mode(self, place: Place, words: Sequence[str]) -> Place:
        """Return the mode or submode in which the command among *words* is run."""
        return self._walk(place, words)[0].left()

    def _after(self, place: Place, words: Sequence[str]) -> Place:
        """Return where one is after a statement, as far as its words alone tell."""
        there, rest = self._walk(place, words)
        if not rest:
            return there
        if words[0] == place.mode and len(place.levels) > 1 and words[1:2] == ["use"]:
            return place.retargeted(self._name(there, words[-1]))
        meaning = self._meaning(there, rest[0])
        if not isinstance(meaning, Command):
            return place
        arrived = self._arrived(meaning, there, rest[1:])
        # Behind a mode's word only some commands stay where they lead.
        return arrived if arrived is not None and (there == place or meaning.stays) else place

    def _arrived(self, command: Command, there: Place, words: Sequence[str]) -> Place | None:
        if command.moves and words and there.levels:
            return there.use(self._name(there, words[-1]))
        if command.name == "exit":
            return there.up()
        return TOP if command.name == "home" else None


def _beginning(prefix: str, found: Iterable[str]) -> tuple[str, ...]:
    """Return those of *found* that begin like *prefix*: in any case where none does exactly."""
    listed = [each for each in dict.fromkeys(found) if each]
    same = [each for each in listed if each.startswith(prefix)]
    if not same:
        wanted = prefix.lower()
        same = [each for each in listed if each.lower().startswith(wanted)]
    return tuple(map(quote, same))
