# SPDX-License-Identifier: Apache-2.0
"""A session of the shell: a draft over the store's state, a place in it, and lines run there.

It knows nothing of terminals: lines come in as text, and answers go to the two streams it is given.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TextIO

from ibstack.cluster.model.base_partition import head_node
from ibstack.cluster.model.catalogue import kind
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.shell.commit_flow import CommitFlow
from ibstack.cluster.shell.host_link import HostLink
from ibstack.cluster.shell.interpreter import Interpreter
from ibstack.cluster.shell.output import Output
from ibstack.cluster.shell.place import TOP, Place, Range
from ibstack.cluster.shell.prompt import prompt
from ibstack.cluster.shell.vocabulary import Vocabulary
from ibstack.fabric.errors import DIFFERS, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ibstack.cluster.model.state import Draft
    from ibstack.cluster.rollout.backend import HostBackend
    from ibstack.cluster.shell.command import Command
    from ibstack.cluster.shell.commit_flow import CommitStore
    from ibstack.cluster.shell.grammar import Statement
    from ibstack.cluster.shell.interpreter import UnixCommands

_AT_DEVICES: Final = (("device", ""),)
_FAILED: Final = 1


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


class Session:
    """One administrator at work.  Implements ShellContext.  Not safe to share between threads."""

    def __init__(
        self,
        store: CommitStore,
        commands: Sequence[Command],
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
        self.edit = edit
        self.rest: Callable[[float], None] | None = None
        self.clock = clock
        self.output = Output(out, err)
        self.hosts = HostLink(reach, self.output, clock)
        self.commit_flow = CommitFlow(store, author, self.output, self.hosts.follow)
        self.vocabulary = Vocabulary(commands)
        self.interpreter = Interpreter(self, quit_on_error=quit_on_error)
        self.place = TOP
        self.previous = TOP
        self.range: Range | None = None
        self.finished = False
        self.depth = 0
        self._unix = unix

    def attend(self, edit: Callable[[str], str], rest: Callable[[float], None]) -> None:
        """Work for a person at a terminal, who sees the prompt and need not wait for hosts."""
        self.edit, self.rest = edit, rest
        self.hosts.waits = False
        self.hosts.outlives_interrupts = True
        self.interpreter.attended = True

    @property
    def draft(self) -> Draft:
        return self.commit_flow.draft

    @property
    def exit_code(self) -> int:
        """What a batch ends with: 1 where a statement failed, 3 where `drift` found any."""
        if self.output.failures:
            return _FAILED
        return DIFFERS if self.output.differs else 0

    @property
    def unix(self) -> UnixCommands:
        if self._unix is None:
            raise Refused("cannot run Unix commands: this shell was started without them")
        return self._unix

    # -- Lines in

    def run(self, text: str) -> bool:
        """Run a line, or several; False when a statement failed.  It goes on after a failure."""
        return self.interpreter.run(text)

    def perform(self, statement: Statement) -> None:
        self.interpreter.perform(statement)

    def chain(self, statements: Sequence[Statement], *, comes_back: bool = False) -> bool:
        return self.interpreter.chain(statements, comes_back=comes_back)

    # -- Where one is

    @property
    def prompt(self) -> str:
        chosen = self.range.text if self.in_range and self.range else ""
        return prompt(self.place, self.draft, head_node(self.draft) or "cluster", chosen)

    @property
    def in_range(self) -> bool:
        return self.range is not None and self.place.levels == _AT_DEVICES

    def in_the_range(self) -> list[str]:
        names = self.range.names if self.range else ()
        return [each for each in names if self.draft.get(EntityPath.of("device", each))]

    def go(self, place: Place) -> None:
        self.interpreter.astray = None
        if place != self.place:
            self.previous, self.place = self.place, place
        if self.place.mode != "device":
            self.range = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        here, astray = self.place, self.interpreter.astray
        # Where one goes now was reached, whatever was not before it.
        self.interpreter.astray = None
        try:
            yield
        finally:
            self.place, self.interpreter.astray = here, astray

    def settle(self) -> None:
        """Leave an object that is no more."""
        while not self._stands(self.place):
            self.place = Place(self.place.levels[:-1]) if not self.place.path else self.place.up()

    def _stands(self, place: Place) -> bool:
        at = place.owner
        if at is not None and kind(at.kind).single:
            at = at.parent
        return at is None or self.draft.get(at) is not None
