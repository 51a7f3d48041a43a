# SPDX-License-Identifier: Apache-2.0
"""What a shell prints: answers, errors, and what happens on hosts meanwhile."""

from __future__ import annotations

import io
import os
import queue
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ibstack.fabric.errors import BadInput, IbstackError
from ibstack.fabric.printable import lines as printable_lines
from ibstack.formats.secrets import hidden_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ibstack.cluster.rollout.events import Event
    from ibstack.cluster.shell.grammar import Redirection


class Output:
    """Two streams, and what went wrong.  Not safe to share between threads, but for post()."""

    def __init__(self, out: TextIO, errors: TextIO | None = None) -> None:
        """*errors*: where errors go, *out* where it is None."""
        self.out = out
        self.errors = errors if errors is not None else out
        self.failures = 0
        """How many statements have failed."""
        self.differs = False
        """Whether hosts were found to be unlike what is committed."""
        self.on_event: Callable[[], None] | None = None
        """Called by post(), in its thread: for who shows events before the next prompt."""
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def say(self, *lines: str) -> None:
        """Print lines of an answer."""
        for line in lines:
            print(line, file=self.out)

    def complain(self, error: IbstackError, more: str = "") -> None:
        """Print why a statement failed."""
        self.failures += 1
        print(printable_lines(hidden_in(f"{error}{more}")), file=self.errors)

    def tell(self, events: Sequence[Event]) -> None:
        """Print what happened on hosts; an error among it is a failure of the statement."""
        with self.telling() as tell:
            for event in events:
                tell(event)

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
    def redirected(
        self, redirection: Redirection | None, piped: Callable[[str, str], str]
    ) -> Iterator[None]:
        """Send what is said to a file or a Unix command; nothing is written after an error.

        *piped* returns what a command prints that is given a text to read.
        """
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
            self.out.write(piped(redirection.target, text))
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
