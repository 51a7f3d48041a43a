# SPDX-License-Identifier: Apache-2.0
"""What commits ask for and takes long, done one after another while the person goes on."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.cluster.rollout.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ibstack.cluster.rollout.backend import Job

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
_LOOK_EVERY_S: Final = 0.2


@dataclass(slots=True)
class Entry:
    """A job, and how far it is."""

    number: int
    job: Job
    apart: bool
    """A Ctrl-C of the terminal is not meant for it."""
    started: datetime
    state: str = WAITING

    @property
    def ended(self) -> bool:
        return self.state in (DONE, FAILED)


class Jobs:
    """The jobs of a session.  They are done in order: a copy may be of what another copies."""

    def __init__(self, post: Callable[[Event], None], clock: Callable[[], datetime]) -> None:
        """*post* takes events, from the thread that does the jobs."""
        self._post = post
        self._clock = clock
        self._todo: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._entries: list[Entry] = []

    @property
    def entries(self) -> Sequence[Entry]:
        """All jobs of the session, the oldest first."""
        return tuple(self._entries)

    @property
    def unfinished(self) -> Sequence[Entry]:
        return [each for each in self._entries if not each.ended]

    def start(self, jobs: Sequence[Job], *, apart: bool) -> None:
        """Begin with *jobs* when those before are done; *apart*: Ctrl-C does not reach them."""
        if not jobs:
            return
        for job in jobs:
            entry = Entry(len(self._entries) + 1, job, apart, self._clock())
            self._entries.append(entry)
            self._todo.put(entry)
        if self._thread is None or not self._thread.is_alive():
            # A daemon: who leaves is asked before, and is not kept by a thread afterwards.
            self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
            self._thread.start()

    def wait(self, meanwhile: Callable[[], None]) -> None:
        """Return when all jobs have ended; *meanwhile* is called now and then."""
        while self.unfinished:
            with self._changed:
                self._changed.wait_for(lambda: not self.unfinished, _LOOK_EVERY_S)
            meanwhile()

    def _work(self) -> None:
        while True:
            entry = self._todo.get()
            self._turn(entry, RUNNING)
            failed = False

            def tell(event: Event) -> None:
                nonlocal failed
                failed = failed or event.severity == "error"
                self._post(event)

            try:
                entry.job.run(tell, own_process_group=entry.apart)
            # The one line that owns the thread: what nobody expected is told, not lost.
            except Exception as error:
                tell(Event(self._clock(), "error", "here", f"cannot {entry.job}: {error!r}"))
            self._turn(entry, FAILED if failed else DONE)

    def _turn(self, entry: Entry, state: str) -> None:
        with self._changed:
            entry.state = state
            self._changed.notify_all()
