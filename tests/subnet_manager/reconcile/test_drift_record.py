# SPDX-License-Identifier: Apache-2.0
import logging

import pytest

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.subnet_manager.policy.drift import Audit, Drift, DriftClass
from ibstack.subnet_manager.reconcile.drift_record import DriftRecord, say

MISSING = Drift(DriftClass.MISSING, Guid(1), TableEntry.from_wire(0x8101))
OPEN = Drift(DriftClass.OPEN_DEFAULT, Guid(1), TableEntry.from_wire(0xFFFF))
UNKNOWN = Drift(DriftClass.UNKNOWN, Guid(2), TableEntry.from_wire(0x8103))


def seen(found: list[Drift]) -> Audit:
    return Audit(tuple(found))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def auditor(clock: Clock) -> DriftRecord:
    return DriftRecord(60, clock)


def test_what_one_look_finds_is_looked_at_again_soon(auditor: DriftRecord, clock: Clock) -> None:
    assert auditor.due
    auditor.take(seen([MISSING]))
    assert auditor.known == ()
    assert auditor.to_repair() == frozenset()
    assert not auditor.due
    assert auditor.due_in_s < 1

    clock.now += 1
    assert auditor.due
    auditor.take(seen([MISSING]))
    assert auditor.known == (MISSING,)
    assert auditor.due_in_s == 60


def test_what_passes_by_itself_was_no_drift(auditor: DriftRecord) -> None:
    auditor.take(seen([MISSING]))
    auditor.take(seen([]))
    auditor.take(seen([MISSING]))

    assert auditor.known == ()


def test_each_event_is_logged_once(auditor: DriftRecord, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for found in ([OPEN], [OPEN], [OPEN], [OPEN], [], []):
        say(auditor.take(seen(found)))

    assert [(r.levelname, r.getMessage().partition(": ")[0]) for r in caplog.records] == [
        ("ERROR", "drift"),
        ("INFO", "drift is over"),
    ]


def test_a_port_is_repaired_a_few_times_and_then_left_to_a_person(auditor: DriftRecord) -> None:
    tries = 0
    auditor.take(seen([MISSING, UNKNOWN]))
    for _ in range(10):
        auditor.take(seen([MISSING, UNKNOWN]))
        tries += len(auditor.to_repair())

    assert tries == 3
    assert auditor.known == (MISSING, UNKNOWN)


def test_a_repair_that_helped_counts_no_more(auditor: DriftRecord) -> None:
    for _ in range(4):
        auditor.take(seen([MISSING]))
        auditor.take(seen([MISSING]))
        assert auditor.to_repair() == {Guid(1)}
        auditor.take(seen([]))


def test_what_is_not_ours_is_never_repaired(auditor: DriftRecord) -> None:
    auditor.take(seen([UNKNOWN]))
    auditor.take(seen([UNKNOWN]))

    assert auditor.to_repair() == frozenset()


def test_a_port_that_opensm_has_missed_is_repaired_a_few_times(auditor: DriftRecord) -> None:
    missed = Drift(DriftClass.PORT_DOWN, Guid(3), None)
    for _ in range(2):
        auditor.take(seen([missed]))

    assert [auditor.to_repair() for _ in range(4)] == [{Guid(3)}] * 3 + [frozenset()]


def test_a_person_may_have_it_tried_again_at_once(auditor: DriftRecord) -> None:
    for _ in range(6):
        auditor.take(seen([MISSING]))
        auditor.to_repair()
    assert auditor.to_repair() == frozenset()
    assert not auditor.due

    auditor.try_again()

    assert auditor.may_audit(something_is_late=True)
    auditor.take(seen([MISSING]))
    assert auditor.to_repair() == {Guid(1)}


def unsure(*found: Drift) -> Audit:
    return Audit(found, lambda drift: drift.guid == MISSING.guid)


def test_what_one_look_cannot_tell_stays_and_is_looked_at_again_soon(
    auditor: DriftRecord, clock: Clock
) -> None:
    for _ in range(2):
        auditor.take(seen([MISSING, UNKNOWN]))

    events = auditor.take(unsure())

    assert [(event.drift, event.appears) for event in events] == [(UNKNOWN, False)]
    assert auditor.known == (MISSING,)
    assert auditor.due_in_s == 5
    assert auditor.take(seen([MISSING])) == ()
    assert [event.drift for event in auditor.take(seen([]))] == [MISSING]
    assert auditor.due_in_s == 60


def test_two_looks_are_two_that_could_tell(auditor: DriftRecord) -> None:
    auditor.take(seen([MISSING]))
    auditor.take(unsure())
    auditor.take(seen([MISSING]))

    assert auditor.known == (MISSING,)


def test_a_repair_that_nobody_could_look_at_counts_on(auditor: DriftRecord) -> None:
    for _ in range(2):
        auditor.take(seen([MISSING]))
    tries = 0
    for _ in range(6):
        tries += len(auditor.to_repair())
        auditor.take(unsure())
        auditor.take(seen([MISSING]))

    assert tries == 3


def test_a_port_that_is_not_there_is_not_repaired(auditor: DriftRecord) -> None:
    gone = Drift(DriftClass.PORT_DOWN, Guid(3), None, gone=True)
    for _ in range(2):
        auditor.take(seen([gone]))

    assert auditor.known == (gone,)
    assert auditor.to_repair() == frozenset()


def test_what_is_late_is_given_time_and_then_looked_at(auditor: DriftRecord, clock: Clock) -> None:
    assert not auditor.may_audit(something_is_late=True)
    assert auditor.due_in_s == 5

    clock.now += 5
    assert auditor.may_audit(something_is_late=True)
    auditor.take(seen([]))
    assert auditor.due_in_s == 60
