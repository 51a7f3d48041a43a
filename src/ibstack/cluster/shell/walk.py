# SPDX-License-Identifier: Apache-2.0
"""How a statement is run: where its words lead, and where one is afterwards.

`MODE` enters a mode and stays there.  `MODE COMMAND …` runs the command there and comes back, but
for `MODE use NAME` and `MODE SUBMODE NAME`, which are how people go somewhere in one statement.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ibstack.cluster.model.catalogue import KINDS, kinds_inside
from ibstack.cluster.model.kind import SINGLE
from ibstack.cluster.model.naming import find_name, the_object
from ibstack.cluster.shell import options
from ibstack.cluster.shell.astray import UNREACHED
from ibstack.cluster.shell.command import Call, Command
from ibstack.cluster.shell.grammar import parse
from ibstack.cluster.shell.place import TOP
from ibstack.cluster.shell.subject import the_one
from ibstack.cluster.shell.words import NoSuchWord, submode_owner
from ibstack.fabric.errors import BadInput, IbstackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.entity import Entity, EntityPath
    from ibstack.cluster.model.kind import Kind
    from ibstack.cluster.shell.grammar import Statement, Word
    from ibstack.cluster.shell.options import Given
    from ibstack.cluster.shell.place import Place
    from ibstack.cluster.shell.session import Session
    from ibstack.cluster.shell.words import Meaning


class Lost(IbstackError):
    """A statement that was to lead somewhere did not."""

    def __init__(self, error: IbstackError, meant: Place | None = None) -> None:
        """*meant*: where it was to lead, with UNREACHED in it; None: that is not known."""
        super().__init__(str(error))
        self.error = error
        self.meant = meant


class CameBack(Lost):
    """The same of `MODE COMMAND …`, after which one is where one was, had it failed or not."""


def run(session: Session, statement: Statement) -> None:
    """Run one statement; errors leave the place and the draft as they were."""
    if statement.unix is not None:
        session.unix.run(statement.unix)
        return
    with session.output_to(statement.output):
        alias = statement.words[0].text
        text = session.vocabulary.aliases.get(alias)
        if text is None:
            _Walk(session, statement.block).run(_words(session, statement))
        else:
            _alias(session, alias, text, statement)


def _words(session: Session, statement: Statement) -> list[str]:
    try:
        return [_expanded(session, word) for word in statement.words]
    except IbstackError as error:
        # What it would have said is not known: it may have named an object to go to.
        raise Lost(error) from error


def _alias(session: Session, name: str, text: str, statement: Statement) -> None:
    """Run what the alias stands for; what follows it on the line follows that."""
    *before, last = parse(text)
    words = (*last.words, *statement.words[1:])
    block = last.block if statement.block is None else statement.block
    # Inside itself an alias is a word like others.
    del session.vocabulary.aliases[name]
    try:
        for each in (*before, replace(last, words=words, block=block)):
            run(session, each)
    finally:
        session.vocabulary.aliases.setdefault(name, text)


def _expanded(session: Session, word: Word) -> str:
    return "".join(
        session.unix.output(part.text).rstrip("\n") if part.is_command else part.text
        for part in word.parts
    )


class _Walk:
    """One statement on its way."""

    def __init__(self, session: Session, block: tuple[Statement, ...] | None) -> None:
        self._session = session
        self._block = block

    def run(self, words: Sequence[str]) -> None:
        meaning = self._meaning(words[0])
        if isinstance(meaning, Command):
            self._command(meaning, words[1:])
        elif self._block is not None and len(words) == 1:
            raise Lost(BadInput(f"cannot run {words[0]} (…): only foreach takes parentheses"))
        elif meaning.inside:
            self._submode(meaning, words[1:])
        else:
            self._mode(meaning, words[1:])

    def _meaning(self, word: str) -> Meaning:
        try:
            return self._session.vocabulary.meaning(word, self._session.place)
        except NoSuchWord as error:
            raise Lost(error) from error

    def _command(self, command: Command, words: Sequence[str]) -> None:
        place = self._session.place
        try:
            self._carry_out(command, words)
        except Lost:
            raise
        except IbstackError as error:
            if not command.moves:
                raise
            in_a_mode = place.levels and not command.where.at_top
            raise Lost(error, place.use(UNREACHED) if in_a_mode else None) from error

    def _carry_out(self, command: Command, words: Sequence[str]) -> None:
        if self._block is not None and not command.takes_block:
            raise BadInput(f"cannot run {command.name} (…): only foreach takes parentheses")
        session = self._session
        first = command.takes_statement
        given = options.read(command.name, command.options, words, first=first)
        session.saving.before(command)
        if session.in_range and command.of_object and not self._names_one(command, given):
            self._at_each(command, given)
        else:
            command.run(session, Call(given, self._block))

    def _names_one(self, command: Command, given: Given) -> bool:
        """Tell whether the command is about a device that it names."""
        if not given.arguments or "PROPERTY" not in command.usage:
            return bool(given.arguments)
        first = given.arguments[0]
        if KINDS["device"].find(first) is not None:
            return False
        return find_name(self._session.draft, "device", first) is not None

    def _at_each(self, command: Command, given: Given) -> None:
        """Run the command at each device of the range, or where it fails at one, at none."""
        session = self._session
        here, draft = session.place, session.draft
        before = draft.rebased(draft.base)
        try:
            for name in session.in_the_range():
                session.place = here.use(name)
                command.run(session, Call(given))
        except IbstackError:
            session.draft = before
            raise
        finally:
            session.place = here

    def _mode(self, kind: Kind, words: Sequence[str]) -> None:
        session = self._session
        here = session.place
        if not words:
            session.go(TOP.enter(kind.name))
            return
        if here.mode == kind.name and len(here.levels) > 1 and words[0] == "use" and words[1:]:
            place, meant = TOP.enter(kind.name), here.retargeted(UNREACHED)
            session.go(here.retargeted(self._object(place, words[1:], meant).name))
            return
        self._there(TOP.enter(kind.name), words)

    def _submode(self, kind: Kind, words: Sequence[str]) -> bool:
        """Enter a submode, or run *words* in it; True: one is there now."""
        session = self._session
        owner = submode_owner(session.place, kind)
        if owner is None:
            owner, words = self._chosen(kind, words)
        entity = the_object(session.draft, owner, f"enter {kind.name} of")
        if kind not in kinds_inside(owner.kind, entity.type):
            meant = session.place.enter_submode(owner.renamed(UNREACHED), kind.name)
            raise Lost(
                BadInput(f"cannot enter {kind.name}: {owner.name} is a {entity.type}"), meant
            )
        place = session.place.enter_submode(owner, kind.name, SINGLE if kind.single else "")
        if words:
            return self._there(place, words)
        session.go(place)
        return True

    def _chosen(self, kind: Kind, words: Sequence[str]) -> tuple[EntityPath, Sequence[str]]:
        """Return the object that is named after the submode word, and what follows."""
        session = self._session
        owner = session.place.object(UNREACHED)
        meant = session.place.enter_submode(owner, kind.name)
        if not words:
            raise Lost(
                BadInput(
                    f"cannot enter {kind.name}: no {session.place.kind} is chosen; "
                    f"use NAME first, or {kind.name} NAME"
                ),
                meant,
            )
        return self._object(session.place, words[:1], meant).path, words[1:]

    def _object(self, place: Place, names: Sequence[str], meant: Place) -> Entity:
        """Return the object that the words after `use` name in the mode *place*.

        *meant* is where one is to be then, for where there is none.
        """
        session = self._session
        here, session.place = session.place, place
        try:
            return the_one(session, names, "use")
        except BadInput as error:
            raise Lost(error, meant) from error
        finally:
            session.place = here

    def _there(self, place: Place, words: Sequence[str]) -> bool:
        """Run *words* at *place*, and come back unless they lead somewhere; True: they do."""
        session = self._session
        here, previous, astray = session.place, session.previous, session.astray
        session.place = place
        arrived = None
        try:
            meaning = self._meaning(words[0])
            if isinstance(meaning, Command):
                self._run_there(meaning, words[1:])
                stays = meaning.stays
            elif meaning.inside:
                stays = self._submode(meaning, words[1:])
            else:
                raise Lost(BadInput(f"cannot enter {words[0]}: it is not inside {place.kind}"))
            arrived = session.place if stays else None
        finally:
            session.place, session.previous, session.astray = here, previous, astray
        if arrived is not None:
            session.go(arrived)
        return arrived is not None

    def _run_there(self, command: Command, words: Sequence[str]) -> None:
        """Run the command of `MODE COMMAND …`; one comes back also where it fails."""
        try:
            self._command(command, words)
        except Lost as lost:
            raise lost if command.stays else CameBack(lost.error) from lost
