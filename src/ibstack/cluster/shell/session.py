# SPDX-License-Identifier: Apache-2.0
"""A session of the shell: a draft over the store's state, a place in it, and statements run there.

It knows nothing of terminals: lines come in as text, and answers go to the two streams it is given.
"""

from __future__ import annotations

import io
import os
import queue
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from ibstack.cluster.model.catalogue import kind
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.state import Draft
from ibstack.cluster.shell import walk
from ibstack.cluster.shell.astray import Astray, said
from ibstack.cluster.shell.grammar import parse
from ibstack.cluster.shell.jobs import Jobs
from ibstack.cluster.shell.place import TOP, Place, Range
from ibstack.cluster.shell.prompt import prompt
from ibstack.cluster.shell.registry import COMMANDS
from ibstack.cluster.shell.saving import Saving
from ibstack.cluster.shell.words import Vocabulary
from ibstack.fabric.errors import BadInput, IbstackError, Refused
from ibstack.fabric.printable import lines as printable_lines
from ibstack.formats.secrets import hidden_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ibstack.cluster.hosts.backend import HostBackend, Job
    from ibstack.cluster.hosts.events import Event
    from ibstack.cluster.model.state import Change, State
    from ibstack.cluster.shell.grammar import Redirection, Statement
    from ibstack.cluster.store.commit import Commit


_AT_DEVICES: Final = (("device", ""),)
_FAILED: Final = 1
_DIFFERS: Final = 3
"""As of `ibstack cluster drift` and all that compares."""


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


class CommitStore(Protocol):
    """What a session needs of a store: the real one, or one that forgets (`--dry`, tests)."""

    def load(self, known: State | None = None) -> State: ...
    def commit(self, changes: Sequence[Change], *, base: State, author: str) -> State: ...
    def history(self, limit: int | None = None) -> Sequence[Commit]: ...
    def undo(self, number: int, *, author: str) -> State: ...
    def held(self) -> frozenset[tuple[str, str]]: ...
    def hold(self, device: str, service: str) -> None: ...
    def release(self, device: str, service: str) -> None: ...


class UnixCommands(Protocol):
    """Where Unix commands are run."""

    def run(self, command: str) -> None:
        """Run it on the terminal; a shell to type in for an empty one."""
        ...

    def output(self, command: str, text: str = "") -> str:
        """Return what it prints when it is given *text* to read."""
        ...


class Session:
    """One administrator at work.  Not safe to share between threads, but for post()."""

    waits = True
    """Whether a commit returns when all that it asks for is done."""
    rest: Callable[[float], None] | None = None
    """Waits so many seconds before a person, who may interrupt it; None: nobody is there."""
    progress: Callable[[Sequence[Job]], None] | None = None
    """Shows a person who waits the jobs that have not ended."""

    def __init__(
        self,
        store: CommitStore,
        *,
        author: str,
        reach: HostBackend | None = None,
        out: TextIO,
        err: TextIO | None = None,
        unix: UnixCommands | None = None,
        clock: Callable[[], datetime] = _now,
        edit: Callable[[str], str] | None = None,
        quit_on_error: bool = False,
    ) -> None:
        """*err*: where errors go, *out* where it is None.  *edit*: lets a person edit a text."""
        self.store = store
        self.author = author
        self.out = out
        self.edit = edit
        self.clock = clock
        self.quit_on_error = quit_on_error
        self.vocabulary = Vocabulary(COMMANDS)
        self.place = TOP
        self.previous = TOP
        self.range: Range | None = None
        self.draft = Draft(store.load())
        self.saving = Saving(self)
        self.finished = False
        self.depth = 0
        """How many files of commands are being run inside each other."""
        self.failures = 0
        """How many statements have failed."""
        self.attended = False
        """Whether a person sees the prompt before each line, and so where one is."""
        self.astray: Astray | None = None
        """What a script could not reach, while nothing has led elsewhere."""
        self.differs = False
        """Whether hosts were found to be unlike what is committed."""
        self.jobs = Jobs(self.post, clock)
        self._reach = reach
        self._unix = unix
        self.errors = err if err is not None else out
        self.on_event: Callable[[], None] | None = None
        """Called by post(), in its thread: for who shows events before the next prompt."""
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    # -- Lines in

    def run(self, text: str) -> bool:
        """Run a line, or several; False when a statement failed.  It goes on after a failure."""
        before = self.failures
        try:
            statements = parse(text)
        except IbstackError as error:
            self.complain(error)
            self._lose("a line that cannot be read", None)
            return False
        self.chain(statements)
        return self.failures == before

    def chain(self, statements: Sequence[Statement], *, comes_back: bool = False) -> bool:
        """Run statements one after another; False where the rest was not run.

        Where a statement fails that was to move elsewhere, what follows means another object
        than the one that one is at, so it is not run; in a script nor are the lines that follow.
        *comes_back*: after these statements one is where one was, whatever they do.
        """
        for done, statement in enumerate(statements, start=1):
            if self.finished:
                return False
            before = self.failures
            try:
                if self._may_run(statement):
                    walk.run(self, statement)
            except walk.Lost as lost:
                rest = " (the rest of the line was not run)" if done < len(statements) else ""
                self.complain(lost.error, rest)
                if not (comes_back or isinstance(lost, walk.CameBack)):
                    self._lose(said(statement), lost.meant, statements[done:])
                return False
            except IbstackError as error:
                self.complain(error)
            finally:
                self._settle()
            if self.quit_on_error and self.failures > before:
                self.finished = True
        return True

    def _may_run(self, statement: Statement) -> bool:
        """Tell whether the statement means something that was reached; say so where it does not."""
        if self.astray is None:
            return True
        after = self.astray.past(statement, self.vocabulary)
        if after is None:
            return True
        self.complain(
            BadInput(
                f"cannot run {said(statement)}: {after.because} led nowhere,"
                " and nothing has led elsewhere since"
            )
        )
        self.astray = None if after.arrived else after
        self.place = after.real
        return False

    def _lose(self, because: str, meant: Place | None, not_run: Sequence[Statement] = ()) -> None:
        """Note that a script did not get where what follows is about.

        *not_run*: the rest of its line, which may lead further.
        """
        if self.attended and not self.depth:
            return
        astray = Astray(because, meant)
        for statement in not_run:
            astray = astray.behind(statement, self.vocabulary)
        self.go(astray.real)
        self.range, self.astray = None, None if astray.arrived else astray

    def complain(self, error: IbstackError, more: str = "") -> None:
        """Tell of a failure."""
        self.failures += 1
        print(printable_lines(hidden_in(f"{error}{more}")), file=self.errors)

    @property
    def exit_code(self) -> int:
        """What a batch ends with: 1 where a statement failed, 3 where `drift` found any."""
        if self.failures:
            return _FAILED
        return _DIFFERS if self.differs else 0

    # -- Answers out

    def say(self, *lines: str) -> None:
        for line in lines:
            print(line, file=self.out)

    def tell(self, events: Sequence[Event]) -> None:
        """Print what happened on hosts; an error among it is a failure of the statement."""
        self.say(*map(str, events))
        self.failures += any(event.severity == "error" for event in events)

    @contextmanager
    def telling(self) -> Iterator[Callable[[Event], None]]:
        """Yield what prints one event at once; an error among them all is one failure."""
        failed = False

        def tell(event: Event) -> None:
            nonlocal failed
            failed = failed or event.severity == "error"
            self.say(str(event))

        try:
            yield tell
        finally:
            self.failures += failed

    def post(self, event: Event) -> None:
        """Take an event from another thread, to be printed before the next prompt."""
        self._events.put(event)
        if self.on_event is not None:
            self.on_event()

    def pending_events(self) -> Iterator[Event]:
        """Yield what was posted since."""
        while not self._events.empty():
            yield self._events.get()

    @contextmanager
    def output_to(self, redirection: Redirection | None) -> Iterator[None]:
        """Send what is said to a file or a Unix command; nothing is written after an error."""
        if redirection is None:
            yield
            return
        before, self.out = self.out, io.StringIO()
        try:
            yield
            text = self.out.getvalue()
        finally:
            self.out = before
        if redirection.sign == "|":
            self.out.write(self.unix.output(redirection.target, text))
            return
        place = Path(os.path.expanduser(redirection.target))
        try:
            with place.open("a" if redirection.sign == ">>" else "w") as file:
                file.write(text)
        except OSError as error:
            missing = (
                "" if place.parent.is_dir() else f"; make the folder: !mkdir -p {place.parent}"
            )
            raise BadInput(f"cannot write {place}: {error.strerror}{missing}") from error

    def wait_for_jobs(self) -> None:
        """Return when all jobs have ended; tell what they post, and a person how far they are."""

        def meanwhile() -> None:
            events = list(self.pending_events())
            if self.progress is not None and events:
                self.progress([])
            self.tell(events)
            if self.progress is not None:
                self.progress([each.job for each in self.jobs.unfinished])

        self.jobs.wait(meanwhile)
        self.tell(list(self.pending_events()))

    # -- Where one is

    @property
    def prompt(self) -> str:
        chosen = self.range.text if self.in_range and self.range else ""
        return prompt(self.place, self.draft, self.head_node() or "cluster", chosen)

    @property
    def in_range(self) -> bool:
        """Whether commands here are about the devices of the range."""
        return self.range is not None and self.place.levels == _AT_DEVICES

    def in_the_range(self) -> list[str]:
        """Return those devices of the range that are still there."""
        names = self.range.names if self.range else ()
        return [each for each in names if self.draft.get(EntityPath.of("device", each))]

    def go(self, place: Place) -> None:
        """Move to *place*."""
        self.astray = None
        if place != self.place:
            self.previous, self.place = self.place, place
        if self.place.mode != "device":
            self.range = None

    def head_node(self) -> str:
        """Return the name of the active head node; nothing where there is none."""
        base = self.draft.get(EntityPath.of("partition", "base"))
        return str(base.values.get("headnode", "")) if base else ""

    def _settle(self) -> None:
        """Leave an object that is no more."""
        while not self._stands(self.place):
            self.place = Place(self.place.levels[:-1]) if not self.place.path else self.place.up()

    def _stands(self, place: Place) -> bool:
        at = place.owner
        if at is not None and kind(at.kind).single:
            at = at.parent
        return at is None or self.draft.get(at) is not None

    # -- What there may not be

    @property
    def reach(self) -> HostBackend:
        if self._reach is None:
            raise Refused("cannot reach the hosts: this shell was started without a way to them")
        return self._reach

    @property
    def reaches_hosts(self) -> bool:
        return self._reach is not None

    @property
    def unix(self) -> UnixCommands:
        if self._unix is None:
            raise Refused("cannot run Unix commands: this shell was started without them")
        return self._unix
