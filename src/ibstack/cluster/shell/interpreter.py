# SPDX-License-Identifier: Apache-2.0
"""How lines are run: statement by statement, where each leads, and where one is afterwards.

`MODE` enters a mode and stays there.  `MODE COMMAND …` runs the command there and comes back, but
for `MODE use NAME` and `MODE SUBMODE NAME`, which are how people go somewhere in one statement.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ibstack.cluster.model.catalogue import KINDS, kinds_inside
from ibstack.cluster.model.kind import SINGLE
from ibstack.cluster.model.naming import find_name, the_object
from ibstack.cluster.shell import options
from ibstack.cluster.shell.astray import UNREACHED, Astray, said
from ibstack.cluster.shell.command import Call, Command, ShellContext
from ibstack.cluster.shell.grammar import parse
from ibstack.cluster.shell.place import TOP
from ibstack.cluster.shell.subject import the_one
from ibstack.cluster.shell.vocabulary import NoSuchWord, submode_owner
from ibstack.fabric.errors import BadInput, IbstackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.entity import Entity, EntityPath
    from ibstack.cluster.model.kind import Kind
    from ibstack.cluster.shell.grammar import Statement, Word
    from ibstack.cluster.shell.options import Given
    from ibstack.cluster.shell.place import Place
    from ibstack.cluster.shell.vocabulary import Meaning, Vocabulary


class UnixCommands(Protocol):
    """Where Unix commands are run."""

    def run(self, command: str) -> None:
        """Run it on the terminal; a shell to type in for an empty one."""
        ...

    def output(self, command: str, text: str = "") -> str:
        """Return what it prints when it is given *text* to read."""
        ...


class Statements(ShellContext, Protocol):
    """What statements find where they are run: more than a command does."""

    previous: Place

    @property
    def vocabulary(self) -> Vocabulary: ...
    @property
    def unix(self) -> UnixCommands: ...
    def settle(self) -> None:
        """Leave an object that is no more."""
        ...


class Lost(IbstackError):
    """A statement that was to lead somewhere did not."""

    def __init__(self, error: IbstackError, meant: Place | None = None) -> None:
        """*meant*: where it was to lead, with UNREACHED in it; None: that is not known."""
        super().__init__(str(error))
        self.error = error
        self.meant = meant


class CameBack(Lost):
    """The same of `MODE COMMAND …`, after which one is where one was, had it failed or not."""


class Interpreter:
    """Runs lines, and knows where a script is that could not go where it was to."""

    def __init__(self, shell: Statements, *, quit_on_error: bool) -> None:
        self._shell = shell
        self.quit_on_error = quit_on_error
        """Whether a statement that fails is the last one."""
        self.attended = False
        """Whether a person sees the prompt before each line, and so where one is."""
        self.astray: Astray | None = None
        """What a script could not reach, while nothing has led elsewhere."""

    def run(self, text: str) -> bool:
        """Run a line, or several; False when a statement failed.  It goes on after a failure."""
        output = self._shell.output
        before = output.failures
        try:
            statements = parse(text)
        except IbstackError as error:
            output.complain(error)
            self._lose("a line that cannot be read", None)
            return False
        self.chain(statements)
        return output.failures == before

    def chain(self, statements: Sequence[Statement], *, comes_back: bool = False) -> bool:
        """Run statements one after another; False where the rest was not run.

        Where a statement fails that was to move elsewhere, what follows means another object
        than the one that one is at, so it is not run; in a script nor are the lines that follow.
        *comes_back*: after these statements one is where one was, whatever they do.
        """
        shell, output = self._shell, self._shell.output
        for done, statement in enumerate(statements, start=1):
            if shell.finished:
                return False
            before = output.failures
            try:
                if self._may_run(statement):
                    self.perform(statement)
            except Lost as lost:
                rest = " (the rest of the line was not run)" if done < len(statements) else ""
                output.complain(lost.error, rest)
                if not (comes_back or isinstance(lost, CameBack)):
                    self._lose(said(statement), lost.meant, statements[done:])
                return False
            except IbstackError as error:
                output.complain(error)
            finally:
                shell.settle()
            if self.quit_on_error and output.failures > before:
                shell.finished = True
        return True

    def perform(self, statement: Statement) -> None:
        """Run one statement; errors leave the place and the draft as they were."""
        shell = self._shell
        if statement.unix is not None:
            shell.unix.run(statement.unix)
            return
        with shell.output.redirected(statement.output, lambda *to: shell.unix.output(*to)):
            alias = statement.words[0].text
            text = shell.vocabulary.aliases.get(alias)
            if text is None:
                _Walk(shell, self, statement.block).run(self._words(statement))
            else:
                self._alias(alias, text, statement)

    def _may_run(self, statement: Statement) -> bool:
        """Tell whether the statement means something that was reached; say so where it does not."""
        if self.astray is None:
            return True
        after = self.astray.past(statement, self._shell.vocabulary)
        if after is None:
            return True
        self._shell.output.complain(
            BadInput(
                f"cannot run {said(statement)}: {after.because} led nowhere,"
                " and nothing has led elsewhere since"
            )
        )
        self.astray = None if after.arrived else after
        self._shell.place = after.real
        return False

    def _lose(self, because: str, meant: Place | None, not_run: Sequence[Statement] = ()) -> None:
        """Note that a script did not get where what follows is about.

        *not_run*: the rest of its line, which may lead further.
        """
        if self.attended and not self._shell.depth:
            return
        astray = Astray(because, meant)
        for statement in not_run:
            astray = astray.behind(statement, self._shell.vocabulary)
        self._shell.go(astray.real)
        self._shell.range, self.astray = None, None if astray.arrived else astray

    def _words(self, statement: Statement) -> list[str]:
        try:
            return [self._expanded(word) for word in statement.words]
        except IbstackError as error:
            # What it would have said is not known: it may have named an object to go to.
            raise Lost(error) from error

    def _expanded(self, word: Word) -> str:
        return "".join(
            self._shell.unix.output(part.text).rstrip("\n") if part.is_command else part.text
            for part in word.parts
        )

    def _alias(self, name: str, text: str, statement: Statement) -> None:
        """Run what the alias stands for; what follows it on the line follows that."""
        *before, last = parse(text)
        words = (*last.words, *statement.words[1:])
        block = last.block if statement.block is None else statement.block
        aliases = self._shell.vocabulary.aliases
        # Inside itself an alias is a word like others.
        del aliases[name]
        try:
            for each in (*before, replace(last, words=words, block=block)):
                self.perform(each)
        finally:
            aliases.setdefault(name, text)


class _Walk:
    """One statement on its way."""

    def __init__(
        self, shell: Statements, interpreter: Interpreter, block: tuple[Statement, ...] | None
    ) -> None:
        self._shell = shell
        self._interpreter = interpreter
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
            return self._shell.vocabulary.meaning(word, self._shell.place)
        except NoSuchWord as error:
            raise Lost(error) from error

    def _command(self, command: Command, words: Sequence[str]) -> None:
        place = self._shell.place
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
        shell = self._shell
        first = command.takes_statement
        given = options.read(command.name, command.options, words, first=first)
        shell.commit_flow.before(
            shell.place.owner, changes=command.changes, looks_outside=command.looks_outside
        )
        if shell.in_range and command.of_object and not self._names_one(command, given):
            self._at_each(command, given)
        else:
            command.run(shell, Call(given, self._block))

    def _names_one(self, command: Command, given: Given) -> bool:
        """Tell whether the command is about a device that it names."""
        if not given.arguments or "PROPERTY" not in command.usage:
            return bool(given.arguments)
        first = given.arguments[0]
        if KINDS["device"].find(first) is not None:
            return False
        return find_name(self._shell.draft, "device", first) is not None

    def _at_each(self, command: Command, given: Given) -> None:
        """Run the command at each device of the range, or where it fails at one, at none."""
        shell = self._shell
        here, draft = shell.place, shell.draft
        before = draft.rebased(draft.base)
        try:
            for name in shell.in_the_range():
                shell.place = here.use(name)
                command.run(shell, Call(given))
        except IbstackError:
            shell.commit_flow.draft = before
            raise
        finally:
            shell.place = here

    def _mode(self, kind: Kind, words: Sequence[str]) -> None:
        shell = self._shell
        here = shell.place
        if not words:
            shell.go(TOP.enter(kind.name))
            return
        if here.mode == kind.name and len(here.levels) > 1 and words[0] == "use" and words[1:]:
            place, meant = TOP.enter(kind.name), here.retargeted(UNREACHED)
            shell.go(here.retargeted(self._object(place, words[1:], meant).name))
            return
        self._there(TOP.enter(kind.name), words)

    def _submode(self, kind: Kind, words: Sequence[str]) -> bool:
        """Enter a submode, or run *words* in it; True: one is there now."""
        shell = self._shell
        owner = submode_owner(shell.place, kind)
        if owner is None:
            owner, words = self._chosen(kind, words)
        entity = the_object(shell.draft, owner, f"enter {kind.name} of")
        if kind not in kinds_inside(owner.kind, entity.type):
            meant = shell.place.enter_submode(owner.renamed(UNREACHED), kind.name)
            raise Lost(
                BadInput(f"cannot enter {kind.name}: {owner.name} is a {entity.type}"), meant
            )
        place = shell.place.enter_submode(owner, kind.name, SINGLE if kind.single else "")
        if words:
            return self._there(place, words)
        shell.go(place)
        return True

    def _chosen(self, kind: Kind, words: Sequence[str]) -> tuple[EntityPath, Sequence[str]]:
        """Return the object that is named after the submode word, and what follows."""
        shell = self._shell
        owner = shell.place.object(UNREACHED)
        meant = shell.place.enter_submode(owner, kind.name)
        if not words:
            raise Lost(
                BadInput(
                    f"cannot enter {kind.name}: no {shell.place.kind} is chosen; "
                    f"use NAME first, or {kind.name} NAME"
                ),
                meant,
            )
        return self._object(shell.place, words[:1], meant).path, words[1:]

    def _object(self, place: Place, names: Sequence[str], meant: Place) -> Entity:
        """Return the object that the words after `use` name in the mode *place*.

        *meant* is where one is to be then, for where there is none.
        """
        shell = self._shell
        here, shell.place = shell.place, place
        try:
            return the_one(shell, names, "use")
        except BadInput as error:
            raise Lost(error, meant) from error
        finally:
            shell.place = here

    def _there(self, place: Place, words: Sequence[str]) -> bool:
        """Run *words* at *place*, and come back unless they lead somewhere; True: they do."""
        shell = self._shell
        here, previous, astray = shell.place, shell.previous, self._interpreter.astray
        shell.place = place
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
            arrived = shell.place if stays else None
        finally:
            shell.place, shell.previous = here, previous
            self._interpreter.astray = astray
        if arrived is not None:
            shell.go(arrived)
        return arrived is not None

    def _run_there(self, command: Command, words: Sequence[str]) -> None:
        """Run the command of `MODE COMMAND …`; one comes back also where it fails."""
        try:
            self._command(command, words)
        except Lost as lost:
            raise lost if command.stays else CameBack(lost.error) from lost
