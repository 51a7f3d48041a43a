# SPDX-License-Identifier: Apache-2.0
"""Applying a commit to hosts: all at once, each reported when it is done, the newest one last."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ibstack.cluster.rollout.host_work import add_away_event, add_result_events, apply_request
from ibstack.transport.apply_request import ApplyResult

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from ibstack.cluster.model.state import State
    from ibstack.cluster.rollout.events import Event, Events
    from ibstack.cluster.rollout.host_work import HostWork
    from ibstack.cluster.rollout.hosts import Hosts
    from ibstack.transport.apply_request import ApplyRequest

_ROUNDS: Final = 3
"""How often hosts are looked at anew whose files are changed meanwhile."""
_CHANGING: Final = "cannot apply this commit: its files change all the time; see who writes them"


@dataclass(slots=True)
class ApplyRounds:
    """What is brought once; it is a Listener of the hosts."""

    hosts: Hosts
    decide: Callable[[State, Collection[str] | None], Sequence[HostWork]]
    """Return what hosts get by a state: of those named, or (None) of all that a commit changes."""
    newest: Callable[[], State]
    """Return the store's state as it is now."""
    events: Events
    report: Callable[[Event], None]
    """Take each event when its time has come."""
    _requested: dict[str, tuple[HostWork, ApplyRequest]] = field(default_factory=dict)
    """What each host was told."""

    def run(self) -> None:
        """Bring it.

        Where somebody wrote to a file after the look, or a newer commit came first, that host is
        looked at again, by the store's newest state.
        """
        state = self.newest()
        again = self._once(state, None)
        for _ in range(_ROUNDS - 1):
            if not again:
                break
            state = self.newest()
            again = self._once(state, again)
        for host, result in again.items():
            self.events.add(host, _why_not(result, state), "error")
        self._flush()

    def _once(self, state: State, of: Collection[str] | None) -> dict[str, ApplyResult]:
        """Bring what *state* says; return the answers of those that have to be looked at again."""
        requests = {}
        for work in self.decide(state, of):
            if not work.seen.up:
                add_away_event(work, self.events)
                continue
            request = apply_request(work, state.revision)
            self._requested[work.host] = work, request
            if request:
                requests[work.host] = request
            else:
                self.finished(work.host, ApplyResult())
        answers = self.hosts.apply(requests, self)
        return {
            host: result for host, result in answers.items() if result.stale or result.overtaken
        }

    def finished(self, host: str, result: ApplyResult) -> None:
        """Take what a host did."""
        if not result.stale and not result.overtaken:
            work, request = self._requested[host]
            add_result_events(work, request, result, self.events)

    def waiting(self, hosts: Collection[str]) -> None:
        """Report what is known while *hosts* take longer than the others."""
        self._flush()
        for host in hosts:
            self.events.add(host, "is waited for")
        self._flush()

    def _flush(self) -> None:
        for event in self.events.folded_events():
            self.report(event)
        self.events.clear()


def _why_not(result: ApplyResult, state: State) -> str:
    if not result.overtaken:
        return _CHANGING
    return (
        f"cannot apply commit {state.revision}: the host has had commit {result.overtaken}; if an"
        f" older store was put in its place, restart the host, then `ibstack cluster bring` it"
    )
