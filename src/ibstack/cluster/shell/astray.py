# SPDX-License-Identifier: Apache-2.0
"""Where a script is after a statement that was to lead somewhere failed: nowhere that it meant.

What follows in the script means the object that was not reached.  None of it is run, at the object
before least of all, until a statement leads somewhere that does not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.shell.command import Command
from ibstack.cluster.shell.grammar import quote
from ibstack.cluster.shell.place import TOP, Place
from ibstack.cluster.shell.vocabulary import NoSuchWord, submode_owner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.kind import Kind
    from ibstack.cluster.shell.grammar import Statement
    from ibstack.cluster.shell.vocabulary import Vocabulary

UNREACHED: Final = "?"
"""Stands in a place for the object that was not reached; no object is called so."""


@dataclass(frozen=True, slots=True)
class Astray:
    """A script on its way past what it could not reach."""

    because: str
    """What led nowhere: "use node00X"."""
    meant: Place | None
    """Where the script takes itself to be; None: that is not known."""

    @property
    def real(self) -> Place:
        """The innermost place on the way to what is meant that was reached."""
        levels = self.meant.levels if self.meant is not None else ()
        for number, (kind, name) in enumerate(levels):
            if name == UNREACHED:
                return Place((*levels[:number], (kind, "")))
        return Place(levels)

    @property
    def arrived(self) -> bool:
        """Whether nothing of where the script takes itself to be is unreached."""
        return self.meant is not None and not _unreached(self.meant)

    def past(self, statement: Statement, vocabulary: Vocabulary) -> Astray | None:
        """Return where the script is after *statement* was not run; None: it is to be run.

        It is to be run where it means the same wherever one is, or leads somewhere.
        """
        if statement.unix is not None:
            return None
        first = statement.words[0]
        if any(part.is_command for part in first.parts) or first.text in vocabulary.aliases:
            return Astray(self.because, None)
        try:
            meaning = vocabulary.meaning(first.text, self.meant or TOP)
        except NoSuchWord:
            return Astray(self.because, None)
        if isinstance(meaning, Command):
            return self._past_command(meaning)
        if not meaning.inside:
            return None
        return self._past_submode(meaning, [word.text for word in statement.words[1:]])

    def behind(self, statement: Statement, vocabulary: Vocabulary) -> Astray:
        """Return where the script is after *statement*, which is not run whatever it means.

        It stands in the line of what failed; the lines that follow mean where it was to lead.
        """
        after = self.past(statement, vocabulary)
        if after is not None or statement.unix is not None:
            return after or self
        meaning = vocabulary.meaning(statement.words[0].text, self.meant or TOP)
        if isinstance(meaning, Command):
            return self._behind_command(meaning)
        words = [word.text for word in statement.words[1:]]
        if words and words[0] != "use":
            return self  # MODE COMMAND comes back.
        return Astray(self.because, Place(((meaning.name, UNREACHED if words else ""),)))

    def _behind_command(self, command: Command) -> Astray:
        if command.name == "home":
            return Astray(self.because, TOP)
        if not command.moves:
            return self
        known = self.meant is not None and self.meant.levels and not command.of_no_object
        return Astray(self.because, self.meant.use(UNREACHED) if self.meant and known else None)

    def _past_command(self, command: Command) -> Astray | None:
        if command.of_no_object:
            return None
        if self.meant is None or not self.meant.levels:
            return self
        if command.name == "exit":
            single = KINDS[self.meant.kind].single
            return Astray(self.because, self.meant.left().up() if single else self.meant.up())
        if not command.moves:
            return self
        if not _unreached(self.meant.left()):
            return None
        return Astray(self.because, self.meant.use(UNREACHED))

    def _past_submode(self, submode: Kind, words: Sequence[str]) -> Astray:
        assert self.meant is not None, "only from a known place is a word a submode's"
        owner = submode_owner(self.meant, submode)
        if owner is None or (words and words[0] != "use"):
            return self
        return Astray(
            self.because, self.meant.enter_submode(owner, submode.name, UNREACHED if words else "")
        )


def said(statement: Statement) -> str:
    """Return the statement as a message names it."""
    text = " ".join(quote(word.text) for word in statement.words)
    return text if statement.block is None else f"{text} (…)"


def _unreached(place: Place) -> bool:
    return any(name == UNREACHED for _, name in place.levels)
