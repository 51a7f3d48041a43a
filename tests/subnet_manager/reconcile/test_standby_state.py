# SPDX-License-Identifier: Apache-2.0
import logging

import pytest

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PROOF_KEYS, Membership, PartitionKey
from ibstack.formats.partitions_conf.statement import Statement
from ibstack.subnet_manager.observed.fabric_view import Manager, Role
from ibstack.subnet_manager.opensm.partitions_file_store import FileOwner, Found
from ibstack.subnet_manager.policy.drift import Drift
from ibstack.subnet_manager.policy.plan import Admit, Expel, Step
from ibstack.subnet_manager.reconcile.standby_state import StandbyState, is_stale

AWAY = TryLater("cannot ask Neutron: the broker is away")


def alarm_of(staleness: StandbyState, *, failed: bool, other: bool) -> Drift | None:
    return next(iter(staleness.alarms(None, failed=failed, other_file=lambda: other)), None)


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
    staleness = StandbyState()
    if role is not None:
        staleness.take_role(role)
    staleness.hear(None if heard else AWAY)

    alarm = alarm_of(staleness, failed=failed, other=other)

    assert (alarm is None) if says is None else (says in str(alarm))


def test_an_old_file_stays_old_until_a_pass_does_not_fail_whatever_key_the_master_comes_to() -> (
    None
):
    staleness = StandbyState()
    staleness.take_role(Role.STANDBY)
    assert alarm_of(staleness, failed=True, other=True)
    assert alarm_of(staleness, failed=True, other=False)

    assert alarm_of(staleness, failed=False, other=False) is None
    assert alarm_of(staleness, failed=True, other=False) is None


@pytest.mark.parametrize("between", [(), (Role.NONE,)])
def test_an_old_file_that_is_taken_into_office_is_an_alarm_until_a_newer_one_is_proved(
    between: tuple[Role, ...],
) -> None:
    staleness = StandbyState()
    staleness.take_role(Role.STANDBY)
    alarm_of(staleness, failed=True, other=True)
    for role in (*between, Role.MASTER):
        staleness.take_role(role)
    staleness.hear(None)

    for failed in (True, False):
        alarm = alarm_of(staleness, failed=failed, other=False)
        assert "took over with an old file" in str(alarm)

    staleness.prove()
    assert alarm_of(staleness, failed=True, other=False) is None


def test_an_answer_holds_until_the_role_changes_and_the_alarm_is_logged_when_it_begins_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    staleness = StandbyState()
    staleness.hear(None)
    staleness.hear(AWAY)
    assert staleness.confirmed

    staleness.take_role(Role.MASTER)
    staleness.hear(AWAY)
    assert not staleness.confirmed
    for _ in range(3):
        alarm_of(staleness, failed=True, other=False)
    staleness.hear(None)
    for _ in range(2):
        alarm_of(staleness, failed=False, other=False)
    said = [(record.levelname, record.getMessage()[:18]) for record in caplog.records]
    assert said == [("ERROR", "drift: stale stand"), ("INFO", "drift is over: sta")]


ADMIT = Admit(PartitionKey(1), Guid(1), Membership.FULL)
EXPEL = Expel(PartitionKey(1), Guid(2))


def beside(role: Role, proofs: set[PartitionKey] | None = None) -> Manager:
    return Manager(role, Guid(9), None if proofs is None else frozenset(proofs))


def file(whose: FileOwner = FileOwner.OURS, proof: PartitionKey = PROOF_KEYS[1]) -> Found:
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
        (beside(Role.STANDBY, {PROOF_KEYS[1]}), file(FileOwner.EDITED), [], True),
        (beside(Role.STANDBY, {PROOF_KEYS[1]}), file(FileOwner.NONE), [], True),
        (beside(Role.MASTER, {PROOF_KEYS[2]}), file(FileOwner.EDITED), [ADMIT], False),
        (beside(Role.NONE), file(FileOwner.EDITED), [ADMIT], False),
    ],
)
def test_a_standbys_file_is_stale_where_it_says_what_neutron_does_not(
    manager: Manager, found: Found, steps: list[Step], stale: bool
) -> None:
    assert is_stale(manager, found, steps, leaving={EXPEL.guid}) is stale
