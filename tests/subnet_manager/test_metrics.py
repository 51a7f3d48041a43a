# SPDX-License-Identifier: Apache-2.0
import math

from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from ibstack.fabric.errors import BadInput, CommandFailed, TryLater
from ibstack.fabric.guid import Guid
from ibstack.runtime.loop import Outcome
from ibstack.subnet_manager.fabricd.metrics import FabricMetrics
from ibstack.subnet_manager.policy.drift import STALE_STANDBY, UNCONFIRMED, Drift, DriftClass
from ibstack.subnet_manager.policy.table_room import Fill
from ibstack.subnet_manager.reconcile.numbers import Numbers


def samples(metrics: FabricMetrics) -> dict[tuple[str, ...], float]:
    """Read what is exposed as Prometheus would: by name and values of labels."""
    text = generate_latest(metrics.registry).decode()  # type: ignore[no-untyped-call]
    return {
        (sample.name.removeprefix("ibstack_fabricd_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }


def test_every_class_of_drift_has_a_series_before_there_is_any() -> None:
    found = samples(FabricMetrics("1", "ibhostnet"))

    assert {words[1] for words in found if words[0] == "drift"} == {
        kind.value for kind in DriftClass
    }
    assert all(math.isnan(found["drift", kind.value]) for kind in DriftClass)
    assert found["info", "ibhostnet", "1"] == 1
    assert found["failures_total", "try-later"] == 0


def test_the_fullest_table_is_shown_and_none_is_not_known() -> None:
    metrics = FabricMetrics("1", "ibhostnet")
    assert math.isnan(samples(metrics)["fullest_table_entries", "used"])

    metrics.count(Outcome(), Numbers("master", fullest=Fill(Guid(1), "node001", 52, 64)))

    found = samples(metrics)
    assert found["fullest_table_entries", "used"] == 52
    assert found["fullest_table_entries", "capacity"] == 64


def test_numbers_are_of_now_and_totals_only_grow() -> None:
    metrics = FabricMetrics("1", "ibhostnet", clock=lambda: 1_800_000_000.0)
    missing = Drift(DriftClass.MISSING, Guid(1), None)
    trouble = (TryLater("x"), BadInput("y"), CommandFailed(("a",), 1, "", "z"))

    metrics.count(
        Outcome(failures=trouble),
        Numbers("master", {"in_force": 7}, (missing, missing, STALE_STANDBY), 3, 2, 2, 1, 1, 40),
    )
    metrics.count(Outcome(), Numbers("standby", {"in_force": 6}, (), 0, 3, 2, 1, 1, 41, 4, 1, 2))
    metrics.proved(0.07)

    found = samples(metrics)
    assert found["role", "standby"] == 1
    assert found["role", "master"] == 0
    assert found["members", "in_force"] == 6
    assert found["drift", "missing"] == 0
    assert found["publishes_total",] == 3
    assert found["tables_read_total",] == 41
    assert found["ports",] == 4
    assert found["unread_ports",] == 1
    assert found["unread_nodes",] == 2
    assert found["last_audit_timestamp_seconds",] == 1_800_000_000
    assert {found["failures_total", kind] for kind in ("try-later", "bad-input", "failed")} == {1}
    assert found["desired_to_proved_seconds_count",] == 1
    assert found["desired_to_proved_seconds_sum",] == 0.07


def test_drift_is_counted_by_class() -> None:
    metrics = FabricMetrics("1", "ibhostnet")
    missing = Drift(DriftClass.MISSING, Guid(1), None)

    metrics.count(Outcome(), Numbers(drift=(missing, missing, STALE_STANDBY)))

    found = samples(metrics)
    assert found["drift", "missing"] == 2
    assert found["drift", "stale standby"] == 1
    assert found["drift", "unknown"] == 0


def test_what_a_new_master_has_not_compared_is_not_known() -> None:
    metrics = FabricMetrics("1", "ibhostnet")

    metrics.count(Outcome(), Numbers("standby", drift=(STALE_STANDBY,), unread_nodes=0))
    metrics.count(Outcome(), Numbers("master", drift=None))

    found = samples(metrics)
    unknown = [("drift", "stale standby"), ("drift", "open default"), ("unread_nodes",)]
    assert [math.isnan(found[name]) for name in unknown] == [True, True, True]


def test_groups_that_a_master_could_not_compare_are_not_known_and_tables_are() -> None:
    metrics = FabricMetrics("1", "ibhostnet")

    metrics.count(Outcome(), Numbers("master", drift=(), ports=4))
    without = samples(metrics)
    metrics.count(Outcome(), Numbers("master", drift=(), ports=4, knows_groups=True))

    assert math.isnan(without["drift", "group differs"])
    assert without["drift", "duplicate guid"] == 0
    assert samples(metrics)["drift", "group differs"] == 0


def test_an_alarm_of_a_master_that_has_compared_nothing_says_nothing_of_the_rest() -> None:
    metrics = FabricMetrics("1", "ibhostnet")

    metrics.count(Outcome(), Numbers("master", drift=(UNCONFIRMED,)))
    before = samples(metrics)
    metrics.count(Outcome(), Numbers("master", drift=(UNCONFIRMED,), ports=4))
    after = samples(metrics)

    assert before["drift", "stale standby"] == 1
    assert math.isnan(before["drift", "open default"])
    assert after["drift", "open default"] == 0
