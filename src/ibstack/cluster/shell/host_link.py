# SPDX-License-Identifier: Apache-2.0
"""A shell's way to the hosts: what follows a commit there, and what of it takes long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.shell.jobs import Jobs
from ibstack.fabric.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from ibstack.cluster.model.state import State
    from ibstack.cluster.rollout.backend import HostBackend, Job
    from ibstack.cluster.shell.output import Output


class HostLink:
    """The hosts of a shell's cluster, if they are reached, and the jobs that commits began."""

    def __init__(
        self, backend: HostBackend | None, output: Output, clock: Callable[[], datetime]
    ) -> None:
        self._backend = backend
        self._output = output
        self.jobs = Jobs(output.post, clock)
        self.waits = True
        """Whether a commit returns when all that it asks for is done."""
        self.outlives_interrupts = False
        """Before a person Ctrl-C ends the waiting, and not what is waited for."""
        self.progress: Callable[[Sequence[Job]], None] | None = None
        """Shows a person who waits the jobs that have not ended."""

    @property
    def reached(self) -> bool:
        return self._backend is not None

    @property
    def backend(self) -> HostBackend:
        """What reaches the hosts; Refused where nothing does."""
        if self._backend is None:
            raise Refused("cannot reach the hosts: this shell was started without a way to them")
        return self._backend

    def follow(self, before: State, after: State) -> None:
        """Let the hosts follow a commit; what takes long is waited for if the shell waits."""
        if self._backend is None:
            return
        self.jobs.start(self._backend.jobs(before, after), apart=self.outlives_interrupts)
        if self.waits:
            self.wait_for_jobs()
        with self._output.telling() as tell:
            self._backend.after_commit(before, after, tell)

    def wait_for_jobs(self) -> None:
        """Return when all jobs have ended; tell what they post, and a person how far they are."""

        def meanwhile() -> None:
            events = list(self._output.pending_events())
            if self.progress is not None and events:
                self.progress([])
            self._output.tell(events)
            if self.progress is not None:
                self.progress([each.job for each in self.jobs.unfinished])

        self.jobs.wait(meanwhile)
        self._output.tell(list(self._output.pending_events()))
