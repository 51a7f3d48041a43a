# SPDX-License-Identifier: Apache-2.0
"""What somebody tries who may not, and what is to be told of it: pure, of what was told."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from faults.invariants import Broken, Invariant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Where(enum.Enum):
    """Where ibstack tells it."""

    ANSWER = "what it was answered"
    PROBLEMS = "the problems in the heartbeat of ibstack-fabricd"
    FABRICD_LOG = "the log of ibstack-fabricd"
    AGENT_LOG = "the log of ibstack-agent"
    NEUTRON_LOG = "the log of neutron-server"


@dataclass(frozen=True)
class Said:
    """One line, and where it stands."""

    where: Where
    line: str


@dataclass(frozen=True)
class Promise:
    """One line is to have all of *words*: what is wrong, and who attempts it."""

    where: Where
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where.value} has no line with {' … '.join(self.words)!r}"

    def is_kept_by(self, said: Said) -> bool:
        return said.where is self.where and all(word in said.line for word in self.words)


class Void(Exception):
    """There is nothing left to attempt: who it was about has gone."""


@dataclass(eq=False)
class Attempt:
    """One act of somebody who may not; it can be repeated."""

    what: str
    do: Callable[[], str]
    """Returns what the actor was answered; Void, or an error of what is away."""
    promises: tuple[Promise, ...] = ()
    """Empty: it is nothing that a project may not do, only often; or a word that may be true."""
    holds_up: frozenset[str] = frozenset()
    """The hosts on which nothing new is admitted while it lasts."""
    every_s: float = 0.3
    """How soon it is repeated while a bystander is served."""
    is_a_lie: bool = False
    """It stands until the truth is told again."""
    forbids: tuple[Promise, ...] = ()
    """What is never to be told: that it had success."""
    undo: Callable[[], None] = lambda: None
    kept: set[Promise] = field(default_factory=set)
    was_done: bool = False
    is_void: bool = False
    success: str = ""
    """The line that tells of it."""

    def hear(self, lines: Iterable[Said]) -> None:
        """Take in what was told since it was done for the first time."""
        for said in lines:
            self.kept.update(promise for promise in self.promises if promise.is_kept_by(said))
            if any(forbidden.is_kept_by(said) for forbidden in self.forbids):
                self.success = said.line

    @property
    def is_over(self) -> bool:
        """It was done, and all that it raises has been told."""
        return self.is_void or (self.was_done and self.kept.issuperset(self.promises))


def untold(attempts: Iterable[Attempt]) -> Iterator[Broken]:
    """Yield each attempt that raised no alarm that names it."""
    for attempt in attempts:
        if attempt.is_over:
            continue
        missing = [str(promise) for promise in attempt.promises if promise not in attempt.kept]
        said = "; ".join(missing) if attempt.was_done else "nobody answered it"
        yield Broken(Invariant.NOTHING_SILENT, attempt.what, said)


def let_in(attempts: Iterable[Attempt]) -> Iterator[Broken]:
    """Yield each attempt that made somebody a member, were it for a moment."""
    for attempt in attempts:
        if attempt.success:
            yield Broken(Invariant.NO_STRANGER, attempt.what, attempt.success)


TIMES: Final = 10
_FLOOR_S: Final = 10.0
"""What a busy machine may take for anything."""


def hindered(who: str, took_s: float, quiet_s: float) -> Iterator[Broken]:
    """Yield that a bystander's port took too long to become ACTIVE while others attempted."""
    limit_s = max(TIMES * quiet_s, _FLOOR_S)
    if took_s > limit_s:
        text = f"it took {took_s:.1f} s, and {quiet_s:.1f} s when all was quiet"
        yield Broken(Invariant.NOBODY_HINDERED, who, text)
