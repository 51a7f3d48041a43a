# SPDX-License-Identifier: Apache-2.0
import logging
from dataclasses import replace

import pytest

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import Membership, PartitionKey
from ibstack.subnet_manager.policy.drift import Drift, ObservedManager
from ibstack.subnet_manager.policy.plan import Admit, Expel, Step
from ibstack.subnet_manager.reconcile.standby_state import StandbyState, is_stale
from ibstack.subnet_manager.seam import Declared, Manager, Role

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
        staleness.set_role(role)
    staleness.on_answer(None if heard else AWAY)

    alarm = alarm_of(staleness, failed=failed, other=other)

    assert (alarm is None) if says is None else (says in str(alarm))


def test_an_old_file_stays_old_until_a_pass_does_not_fail_whatever_key_the_master_comes_to() -> (
    None
):
    staleness = StandbyState()
    staleness.set_role(Role.STANDBY)
    assert alarm_of(staleness, failed=True, other=True)
    assert alarm_of(staleness, failed=True, other=False)

    assert alarm_of(staleness, failed=False, other=False) is None
    assert alarm_of(staleness, failed=True, other=False) is None


@pytest.mark.parametrize("between", [(), (Role.NONE,)])
def test_an_old_file_that_is_taken_into_office_is_an_alarm_until_a_newer_one_is_proved(
    between: tuple[Role, ...],
) -> None:
    staleness = StandbyState()
    staleness.set_role(Role.STANDBY)
    alarm_of(staleness, failed=True, other=True)
    for role in (*between, Role.MASTER):
        staleness.set_role(role)
    staleness.on_answer(None)

    for failed in (True, False):
        alarm = alarm_of(staleness, failed=failed, other=False)
        assert "took over with an old file" in str(alarm)

    staleness.on_proof()
    assert alarm_of(staleness, failed=True, other=False) is None


def test_an_answer_holds_until_the_role_changes_and_the_alarm_is_logged_when_it_begins_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    staleness = StandbyState()
    staleness.on_answer(None)
    staleness.on_answer(AWAY)
    assert staleness.confirmed

    staleness.set_role(Role.MASTER)
    staleness.on_answer(AWAY)
    assert not staleness.confirmed
    for _ in range(3):
        alarm_of(staleness, failed=True, other=False)
    staleness.on_answer(None)
    for _ in range(2):
        alarm_of(staleness, failed=False, other=False)
    said = [(record.levelname, record.getMessage()[:18]) for record in caplog.records]
    assert said == [("ERROR", "drift: stale stand"), ("INFO", "drift is over: sta")]


ADMIT = Admit(PartitionKey(1), Guid(1), Membership.FULL)
EXPEL = Expel(PartitionKey(1), Guid(2))


OURS = Declared({}, is_masters=True)
"""What stands beside a standby, equal to the master's."""


@pytest.mark.parametrize(
    ("role", "beside", "steps", "stale"),
    [
        (Role.STANDBY, OURS, [], False),
        (Role.STANDBY, replace(OURS, is_masters=False), [], True),
        (Role.STANDBY, replace(OURS, is_masters=None), [], False),  # It could not be compared.
        (Role.STANDBY, OURS, [ADMIT], True),
        (Role.STANDBY, OURS, [EXPEL], False),
        (Role.STANDBY, OURS, [Expel(EXPEL.key, Guid(3))], True),
        (Role.STANDBY, replace(OURS, ours=False), [], True),
        (Role.MASTER, replace(OURS, ours=False, is_masters=False), [ADMIT], False),
        (Role.NONE, replace(OURS, ours=False), [ADMIT], False),
    ],
)
def test_what_stands_beside_a_standby_is_stale_where_it_says_what_neutron_does_not(
    role: Role, beside: Declared, steps: list[Step], stale: bool
) -> None:
    assert is_stale(role, beside, steps, leaving={EXPEL.guid}) is stale


def test_a_master_that_is_none_of_the_sites_is_an_alarm_while_it_is_seen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    stranger = ObservedManager(Guid(7), "node009 at port 3 of switch 0x1", "master", True)
    seen = Manager(Role.STANDBY, Guid(9), None, stranger=stranger)
    state = StandbyState()
    state.set_role(Role.STANDBY)

    def alarms(manager: Manager | None) -> list[str]:
        found = state.alarms(manager, failed=False, other_file=lambda: False)
        return [str(each) for each in found]

    assert "node009 at port 3 of switch 0x1: master, with our SM_Key" in alarms(seen)[0]
    assert alarms(None) == alarms(seen), "nothing was seen of it: what was known stays"
    assert alarms(Manager(Role.STANDBY, Guid(9), None)) == []
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
