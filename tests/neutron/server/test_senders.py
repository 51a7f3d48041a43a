# SPDX-License-Identifier: Apache-2.0
"""Who speaks in whose name, and how often: what is told of, and what is not."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.fabric.neutron_names import MELLANOX_AGENT, PARTITION_AGENT
from ibstack.neutron.protocol.agent_report import instance_in
from ibstack.neutron.protocol.instance import KEY, digest_of, is_instance, new_instance
from ibstack.neutron.server.senders import MOST_REPORTS, Senders

if TYPE_CHECKING:
    from collections.abc import Callable

A, B = new_instance(), new_instance()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def senders(clock: Clock) -> Senders:
    return Senders(clock)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what takes the warnings since it was last called."""

    def take() -> list[str]:
        assert {record.levelno for record in caplog.records} <= {logging.WARNING}
        found = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return found

    return take


def heartbeat(instance: str | None, kind: str = MELLANOX_AGENT, **more: Any) -> dict[str, Any]:
    said = {} if instance is None else {KEY: digest_of(instance)}
    return {"agent_type": kind, "host": "node003", "configurations": said, **more}


def test_a_report_of_the_heartbeats_process_is_nothing_to_tell(
    senders: Senders, told: Callable[[], list[str]]
) -> None:
    senders.heard_report("node003", A, digest_of(A))
    senders.heard_report("node003", None, None)  # Of a release before this.
    senders.heard_report("node003", A, None)

    assert told() == []


@pytest.mark.parametrize("instance", [B, None, digest_of(A), 7, ["x"], "\udc80", ""])
def test_a_report_of_another_process_names_the_host(
    senders: Senders, told: Callable[[], list[str]], instance: object
) -> None:
    senders.heard_report("node003", instance, digest_of(A))

    (said,) = told()
    assert "reports about ports in the name of host 'node003'" in said
    assert A not in said


def test_the_same_is_told_of_a_host_once_in_ten_seconds(
    senders: Senders, clock: Clock, told: Callable[[], list[str]]
) -> None:
    for _ in range(3):
        senders.heard_report("node003", B, digest_of(A))
        senders.heard_report("node004", B, digest_of(A))
    assert len(told()) == 2

    clock.now += 10
    senders.heard_report("node003", B, digest_of(A))
    assert len(told()) == 1


def test_as_many_reports_in_a_minute_as_an_agent_may_send_are_no_flood(
    senders: Senders, clock: Clock, told: Callable[[], list[str]]
) -> None:
    for _ in range(MOST_REPORTS):
        senders.heard_report("node003", A, None)
    clock.now += 61
    for _ in range(MOST_REPORTS):
        senders.heard_report("node003", A, None)
    senders.heard_report("node004", A, None)
    assert told() == []

    senders.heard_report("node003", A, None)
    (said,) = told()
    assert said.startswith(f"more than {MOST_REPORTS} reports about ports came")
    assert "'node003' within 60 s" in said


@pytest.mark.parametrize("kind", [MELLANOX_AGENT, PARTITION_AGENT])
def test_a_heartbeat_of_another_process_that_says_of_no_start_is_told(
    senders: Senders, told: Callable[[], list[str]], kind: str
) -> None:
    before = heartbeat(A)["configurations"]

    senders.heard_heartbeat(heartbeat(B, kind), before)
    (said,) = told()
    assert f"a heartbeat of '{kind}' in the name of host 'node003'" in said
    senders.heard_heartbeat({**heartbeat(None, kind), "host": "node005"}, before)
    assert len(told()) == 1
    senders.heard_heartbeat(
        {**heartbeat(None, kind), "host": "node006", "configurations": [1]}, before
    )
    assert len(told()) == 1


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (heartbeat(A), heartbeat(A)["configurations"]),
        (heartbeat(B, start_flag=True), heartbeat(A)["configurations"]),
        (heartbeat(B), {}),
        (heartbeat(B), {KEY: 5}),
        (heartbeat(B), None),
        (heartbeat(B, "DHCP agent"), heartbeat(A)["configurations"]),
    ],
    ids=["the same", "a start", "an older release before", "nonsense", "the first", "not ours"],
)
def test_a_heartbeat_is_nothing_to_tell(
    senders: Senders,
    told: Callable[[], list[str]],
    now: dict[str, Any],
    before: dict[str, Any] | None,
) -> None:
    senders.heard_heartbeat(now, before)

    assert told() == []


def test_what_is_remembered_of_hosts_has_an_end(senders: Senders, clock: Clock) -> None:
    for number in range(5000):
        senders.heard_report(f"ghost-{number}", B, digest_of(A))

    assert len(senders.hosts) == 4096


def test_a_digest_is_of_one_instance_and_is_not_it() -> None:
    assert is_instance(A, digest_of(A))
    assert not is_instance(digest_of(A), digest_of(A))
    assert len(digest_of(A)) == 32
    assert not is_instance(A, "\udc80")


@pytest.mark.parametrize(
    ("text", "found"), [('{"instance": "ab"}', "ab"), ("{}", None), ("[", None), ("", None)]
)
def test_the_digest_is_read_of_what_is_stored(text: str, found: str | None) -> None:
    assert instance_in(text) == found
