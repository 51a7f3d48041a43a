# SPDX-License-Identifier: Apache-2.0
"""What a command may find where it is run, one Protocol for each thing that commands are about.

A command takes the ones that it uses, and can be tried with no more than these.  Session is all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from ibstack.cluster.model.state import Draft
    from ibstack.cluster.shell.commit_flow import CommitFlow, CommitStore
    from ibstack.cluster.shell.grammar import Statement
    from ibstack.cluster.shell.host_link import HostLink
    from ibstack.cluster.shell.output import Output
    from ibstack.cluster.shell.place import Place, Range


class AtObject(Protocol):
    """A draft, and a place in it: what a command means without naming it."""

    place: Place

    @property
    def draft(self) -> Draft: ...


class Answering(Protocol):
    """Where answers go."""

    @property
    def output(self) -> Output: ...


class Moving(AtObject, Answering, Protocol):
    """Going elsewhere in the draft, and out of the shell."""

    finished: bool
    """Whether the shell ends when the statement is done."""

    @property
    def previous(self) -> Place:
        """Where one was before one came here."""
        ...

    def go(self, place: Place) -> None:
        """Move to *place*."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """Go elsewhere for a while: one comes back to this place in the end."""
        ...


class OnHosts(AtObject, Answering, Protocol):
    """The hosts of the devices in the draft."""

    @property
    def hosts(self) -> HostLink: ...


class Selecting(OnHosts, Protocol):
    """Many devices at once: by a range that was chosen, or by what options say of them."""

    range: Range | None

    @property
    def in_range(self) -> bool:
        """Whether commands here are about the devices of the range."""
        ...

    def in_the_range(self) -> list[str]:
        """Return those devices of the range that are still there."""
        ...


class OnStore(OnHosts, Protocol):
    """What the draft is of, and how it gets there."""

    author: str

    @property
    def commit_flow(self) -> CommitFlow: ...
    @property
    def store(self) -> CommitStore: ...


class Running(Protocol):
    """Statements inside a statement."""

    depth: int
    """How many files of commands are being run inside each other."""

    def run(self, text: str) -> bool:
        """Run a line; False when a statement failed, which was said then."""
        ...

    def perform(self, statement: Statement) -> None:
        """Run one statement; IbstackError where it fails."""
        ...

    def chain(self, statements: Sequence[Statement], *, comes_back: bool = False) -> bool:
        """Run statements one after another; False where the rest was not run.

        *comes_back*: after them one is where one was, whatever they do.
        """
        ...


class Attended(Protocol):
    """The person before the shell, and the time."""

    edit: Callable[[str], str] | None
    """Lets a person edit a text; None: nobody is there."""
    rest: Callable[[float], None] | None
    """Waits so many seconds before a person, who may interrupt it; None: nobody is there."""
    clock: Callable[[], datetime]
