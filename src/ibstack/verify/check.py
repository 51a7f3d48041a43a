# SPDX-License-Identifier: Apache-2.0
"""What a check is: a rule, what it observes of a site, and the findings that come of that."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ibstack.facts.site import Site


class State(enum.Enum):
    """What came of a check."""

    OK = "ok"
    FAILED = "failed"
    NOT_KNOWN = "not looked at"
    """It could not be known, and so it is never counted as right."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a rule observed of one thing."""

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
    observe: Callable[[Site], Iterable[Observation]]
    """Yields nothing where the rule is about nothing that the site has."""
    rank: int = 5
    """Which of several failures is told first: causes rank below what follows from them."""


def rule(
    id: str, fact: str, wanted: str, remedy: str, *, rank: int = 5
) -> Callable[[Callable[[Site], Iterable[Observation]]], Rule]:
    """Return what makes a Rule of a function of a site; below `checks/` the registry finds it."""
    return lambda observe: Rule(id, fact, wanted, remedy, observe, rank)


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


def run(rule: Rule, site: Site) -> list[Check]:
    """Return what *rule* finds in *site*."""
    return [_check(rule, each) for each in rule.observe(site)]


def _check(rule: Rule, seen: Observation) -> Check:
    known = seen.holds is not None
    states = {True: State.OK, False: State.FAILED, None: State.NOT_KNOWN}
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
