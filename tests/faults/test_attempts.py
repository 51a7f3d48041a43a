# SPDX-License-Identifier: Apache-2.0
"""The judge of attempts: what was told and by whom, and how long a bystander may wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.attempts import Attempt, Promise, Said, Where, hindered, let_in, untold
from faults.invariants import Invariant

if TYPE_CHECKING:
    from collections.abc import Iterable

PROMISE = Promise(Where.PROBLEMS, ("host 'node002' reports port GUID", "is host 'node003''s"))
ALARM = "host 'node002' reports port GUID 0x0002c90300000041, which is host 'node003''s: nothing …"
LOGGED = Promise(Where.NEUTRON_LOG, ("is refused", "project-id"))


def attempt(*promises: Promise, told: Iterable[Said] = (), was_done: bool = True) -> Attempt:
    made = Attempt("host node002 lies", lambda: "", promises)
    made.was_done = was_done
    made.hear(told)
    return made


def wrong(made: Attempt) -> list[str]:
    found = list(untold([made]))
    assert {each.invariant for each in found} <= {Invariant.NOTHING_SILENT}
    assert {each.subject for each in found} <= {made.what}
    return [each.found for each in found]


def test_an_attempt_that_is_told_of_with_the_name_of_who_attempts_is_right() -> None:
    assert not wrong(attempt(PROMISE, told=[Said(Where.PROBLEMS, ALARM)]))


def test_an_attempt_of_which_nobody_promises_to_tell_is_right_once_it_was_done() -> None:
    assert not wrong(attempt())


@pytest.mark.parametrize(
    "told",
    [
        [],
        [Said(Where.PROBLEMS, ALARM.replace("node002", "node009"))],
        [Said(Where.PROBLEMS, ALARM.replace("node003", "node009"))],
        [Said(Where.FABRICD_LOG, ALARM)],
        [Said(Where.PROBLEMS, ALARM[:40]), Said(Where.PROBLEMS, ALARM[40:])],
    ],
    ids=["nothing", "another host", "another owner", "elsewhere", "no line has all"],
)
def test_an_attempt_that_is_not_told_of_is_named_with_what_is_missing(told: list[Said]) -> None:
    assert wrong(attempt(PROMISE, told=told)) == [str(PROMISE)]


def test_each_place_that_is_promised_must_tell_it() -> None:
    made = attempt(PROMISE, LOGGED, told=[Said(Where.PROBLEMS, ALARM)])

    assert wrong(made) == [str(LOGGED)]
    made.hear([Said(Where.NEUTRON_LOG, "[req-1 user project-id] port 1 is refused: it has …")])
    assert not wrong(made)


def test_an_attempt_that_was_granted_is_named() -> None:
    refusal = Promise(Where.ANSWER, ("(HTTP 409)",))

    assert wrong(attempt(refusal, told=[Said(Where.ANSWER, "")])) == [str(refusal)]


def test_an_attempt_that_nobody_answered_is_named() -> None:
    made = attempt(PROMISE, told=[Said(Where.PROBLEMS, ALARM)], was_done=False)

    assert wrong(made) == ["nobody answered it"]


def test_an_attempt_about_somebody_who_has_gone_is_right() -> None:
    made = attempt(PROMISE)
    made.is_void = True

    assert not wrong(made)


def test_an_attempt_that_lets_somebody_in_for_a_moment_is_named() -> None:
    made = attempt()
    made.forbids = (Promise(Where.FABRICD_LOG, ("admit 0xfa163e0000000009",)),)

    made.hear([Said(Where.FABRICD_LOG, "node002: admit 0xfa163e0000000008 to 0x0201 as full")])
    assert not list(let_in([made]))
    made.hear([Said(Where.FABRICD_LOG, "node002: admit 0xfa163e0000000009 to 0x0201 as full")])
    (found,) = let_in([made])
    assert (found.invariant, found.subject) == (Invariant.NO_STRANGER, made.what)


@pytest.mark.parametrize(("took_s", "quiet_s"), [(9.9, 0.1), (14.9, 1.5), (0.2, 5.0)])
def test_a_bystander_that_is_served_within_ten_times_its_quiet_time_is_right(
    took_s: float, quiet_s: float
) -> None:
    assert not list(hindered("a port on node002", took_s, quiet_s))


@pytest.mark.parametrize(("took_s", "quiet_s"), [(10.1, 0.1), (15.1, 1.5)])
def test_a_bystander_that_waits_longer_is_named(took_s: float, quiet_s: float) -> None:
    (found,) = hindered("a port on node002", took_s, quiet_s)

    assert (found.invariant, found.subject) == (Invariant.NOBODY_HINDERED, "a port on node002")
    assert f"it took {took_s:.1f} s, and {quiet_s:.1f} s when all was quiet" in found.found
