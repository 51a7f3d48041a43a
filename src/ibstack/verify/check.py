# SPDX-License-Identifier: Apache-2.0
"""What a check is: a rule that looks at a site, and the answers that it gives."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ibstack.verify.site import Site


class State(enum.Enum):
    """What came of a check."""

    OK = "ok"
    FAILED = "failed"
    NOT_LOOKED_AT = "not looked at"
    """It could not be known, and so it is never counted as right."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule saw of one thing."""

    host: str
    """Whose; empty where no host is concerned."""
    holds: bool | None
    """None: not known."""
    found: str
    """What is there; of what is not known, why."""
    source: str
    """Where it was read: a file, a command, or what the fabric or Neutron was asked for."""
    thing: str = ""
    """Which of the host's, such as `port 0x…`; empty: the host itself."""
    wanted: str = ""
    """Where it says more than the rule does."""
    remedy: str = ""
    """Where it is more exact than the rule's."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the registry."""

    id: str
    """Stable: see docs/reference/verify.md."""
    fact: str
    """What is to be true, as a statement."""
    wanted: str
    remedy: str
    look: Callable[[Site], Iterable[Seen]]
    """Yields nothing where the rule is about nothing that the site has."""
    rank: int = 5
    """Which of several failures is told first: causes rank below what follows from them."""


def rule(
    id: str, fact: str, wanted: str, remedy: str, *, rank: int = 5
) -> Callable[[Callable[[Site], Iterable[Seen]]], Rule]:
    """Return what makes a Rule of a look at a site; where that stands in `checks/` it is known."""
    return lambda look: Rule(id, fact, wanted, remedy, look, rank)


@dataclass(frozen=True, slots=True)
class Check:
    """One answer: of one rule, about one thing."""

    id: str
    host: str
    thing: str
    fact: str
    state: State
    found: str | None
    """None: not known."""
    why: str | None
    """Why it is not known."""
    wanted: str
    source: str
    remedy: str
    rank: int = 5


def answers(rule: Rule, site: Site) -> list[Check]:
    """Return what *rule* has to say of *site*."""
    return [_answer(rule, seen) for seen in rule.look(site)]


def _answer(rule: Rule, seen: Seen) -> Check:
    known = seen.holds is not None
    states = {True: State.OK, False: State.FAILED, None: State.NOT_LOOKED_AT}
    return Check(
        id=rule.id,
        host=seen.host,
        thing=seen.thing,
        fact=rule.fact,
        state=states[seen.holds],
        found=seen.found if known else None,
        why=None if known else seen.found,
        wanted=seen.wanted or rule.wanted,
        source=seen.source,
        remedy=seen.remedy or (rule.remedy if known else ""),
        rank=rule.rank,
    )
