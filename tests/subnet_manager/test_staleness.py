# SPDX-License-Identifier: Apache-2.0
import logging

import pytest

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PROOF_KEYS, Membership, PartitionKey
from ibstack.formats.partitions_conf.statement import Statement
from ibstack.subnet_manager.fabric_view import Manager, Role
from ibstack.subnet_manager.plan import Admit, Expel, Step
from ibstack.subnet_manager.publication import Found, Whose
from ibstack.subnet_manager.staleness import Staleness, is_stale

AWAY = TryLater("cannot ask Neutron: the broker is away")


@pytest.mark.parametrize(
    ("role", "heard", "failed", "other", "says"),
    [
        (Role.STANDBY, True, False, True, None),
        (Role.STANDBY, True, True, True, "would take over with an old file"),
        (Role.STANDBY, False, True, True, "would take over with an old file"),
        (Role.STANDBY, False, True, False, None),  # Neutron is away, and the files are equal.
        (Role.MASTER, True, True, True, None),
        (Role.MASTER, False, True, True, "took over, and Neutron has not confirmed"),
        (Role.MASTER, False, False, True, None),
        (Role.NONE, False, True, True, None),
        (None, False, True, True, None),
    ],
)
def test_the_alarm_is_for_a_file_that_may_be_old(
    role: Role | None, heard: bool, failed: bool, other: bool, says: str | None
) -> None:
    staleness = Staleness()
    if role is not None:
        staleness.take_role(role)
    staleness.hear(None if heard else AWAY)

    alarm = staleness.alarm(failed=failed, other_file=lambda: other)

    assert (alarm is None) if says is None else (says in str(alarm))


def test_an_old_file_stays_old_until_a_pass_does_not_fail_whatever_key_the_master_comes_to() -> (
    None
):
    staleness = Staleness()
    staleness.take_role(Role.STANDBY)
    assert staleness.alarm(failed=True, other_file=lambda: True)
    assert staleness.alarm(failed=True, other_file=lambda: False)

    assert staleness.alarm(failed=False, other_file=lambda: False) is None
    assert staleness.alarm(failed=True, other_file=lambda: False) is None


@pytest.mark.parametrize("between", [(), (Role.NONE,)])
def test_an_old_file_that_is_taken_into_office_is_an_alarm_until_a_newer_one_is_proved(
    between: tuple[Role, ...],
) -> None:
    staleness = Staleness()
    staleness.take_role(Role.STANDBY)
    staleness.alarm(failed=True, other_file=lambda: True)
    for role in (*between, Role.MASTER):
        staleness.take_role(role)
    staleness.hear(None)

    for failed in (True, False):
        alarm = staleness.alarm(failed=failed, other_file=lambda: False)
        assert "took over with an old file" in str(alarm)

    staleness.prove()
    assert staleness.alarm(failed=True, other_file=lambda: False) is None


def test_an_answer_holds_until_the_role_changes_and_the_alarm_is_logged_when_it_begins_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    staleness = Staleness()
    staleness.hear(None)
    staleness.hear(AWAY)
    assert staleness.confirmed

    staleness.take_role(Role.MASTER)
    staleness.hear(AWAY)
    assert not staleness.confirmed
    for _ in range(3):
        staleness.alarm(failed=True, other_file=lambda: False)
    staleness.hear(None)
    for _ in range(2):
        staleness.alarm(failed=False, other_file=lambda: False)
    said = [(record.levelname, record.getMessage()[:18]) for record in caplog.records]
    assert said == [("ERROR", "drift: stale stand"), ("INFO", "drift is over: sta")]


ADMIT = Admit(PartitionKey(1), Guid(1), Membership.FULL)
EXPEL = Expel(PartitionKey(1), Guid(2))


def beside(role: Role, proofs: set[PartitionKey] | None = None) -> Manager:
    return Manager(role, Guid(9), None if proofs is None else frozenset(proofs))


def file(whose: Whose = Whose.OURS, proof: PartitionKey = PROOF_KEYS[1]) -> Found:
    return Found(whose, "", (Statement(1, "proof", proof, (), ()),))


@pytest.mark.parametrize(
    ("manager", "found", "steps", "stale"),
    [
        (beside(Role.STANDBY, {PROOF_KEYS[1]}), file(), [], False),
        (beside(Role.STANDBY, {PROOF_KEYS[2]}), file(), [], True),
        (beside(Role.STANDBY), file(), [], False),  # The master's port could not be read.
        (beside(Role.STANDBY, set()), file(), [], False),  # It has published nothing yet.
        (beside(Role.STANDBY, {PROOF_KEYS[1]}), file(), [ADMIT], True),
        (beside(Role.STANDBY, {PROOF_KEYS[1]}), file(), [EXPEL], False),
        (beside(Role.STANDBY, {PROOF_KEYS[1]}), file(), [Expel(EXPEL.key, Guid(3))], True),
        (beside(Role.STANDBY, {PROOF_KEYS[1]}), file(Whose.EDITED), [], True),
        (beside(Role.STANDBY, {PROOF_KEYS[1]}), file(Whose.NOBODYS), [], True),
        (beside(Role.MASTER, {PROOF_KEYS[2]}), file(Whose.EDITED), [ADMIT], False),
        (beside(Role.NONE), file(Whose.EDITED), [ADMIT], False),
    ],
)
def test_a_standbys_file_is_stale_where_it_says_what_neutron_does_not(
    manager: Manager, found: Found, steps: list[Step], stale: bool
) -> None:
    assert is_stale(manager, found, steps, leaving={EXPEL.guid}) is stale
