# SPDX-License-Identifier: Apache-2.0
from ibstack.fabric.guid import Guid
from ibstack.fabric.member import Member
from ibstack.fabric.partition import Membership, PartitionKey
from ibstack.subnet_manager.reconcile.activation_latency import ActivationLatency


def member(port: str, key: int = 1) -> Member:
    return Member(port, "h", Guid(1), PartitionKey(key), Membership.FULL)


def test_the_seconds_from_hearing_of_a_member_to_its_proof_are_told_once() -> None:
    now, told = [0.0], list[float]()
    pace = ActivationLatency(lambda: now[0], told.append)
    old, new = member("old"), member("new")

    pace.on_desired((old,))
    pace.on_in_force({"old": old})
    assert told == []  # It was there when this fabricd came.

    now[0] = 10
    pace.on_desired((old, new))
    pace.on_in_force({"old": old})
    now[0] = 12
    pace.on_desired((old, new))
    pace.on_in_force({"old": old, "new": new})
    pace.on_in_force({"old": old, "new": new})
    assert told == [2.0]


def test_a_member_that_changes_its_partition_is_measured_from_the_change() -> None:
    now, told = [0.0], list[float]()
    pace = ActivationLatency(lambda: now[0], told.append)
    pace.on_desired(())
    pace.on_desired((member("p"),))
    now[0] = 5
    pace.on_desired((member("p", 2),))
    now[0] = 6
    pace.on_in_force({"p": member("p")})
    assert told == []
    pace.on_in_force({"p": member("p", 2)})

    assert told == [1.0]


def test_what_was_desired_before_a_takeover_is_not_measured() -> None:
    told = list[float]()
    pace = ActivationLatency(lambda: 0.0, told.append)
    pace.on_desired(())
    pace.on_desired((member("p"),))
    pace.forget()
    pace.on_desired((member("p"),))
    pace.on_in_force({"p": member("p")})

    assert told == []
