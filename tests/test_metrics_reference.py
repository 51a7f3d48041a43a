# SPDX-License-Identifier: Apache-2.0
"""docs/reference/metrics.md and the rest that names metrics agree with what is exposed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ibstack.fabric.errors import BadInput, CommandFailed, IbstackError, Refused, TryLater
from ibstack.host.agent.metrics import AgentMetrics
from ibstack.host.client.eswitch_client import EswitchClient
from ibstack.runtime.metrics import FAILURE_KINDS, failure_kind
from ibstack.subnet_manager.fabricd.metrics import FabricMetrics

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"\bibstack_(?:fabricd|agent|eswitchd)_\w+")
_OF_A_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")


def exposed() -> dict[str, set[str]]:
    """Return every metric and its labels, by the name that a query uses."""
    found: dict[str, set[str]] = {}
    registries = (
        FabricMetrics("1", "ibhostnet").registry,
        AgentMetrics("1", "h", EswitchClient("/nobody")).registry,
    )
    for registry in registries:
        for collector, names in registry._collector_to_names.items():
            family: Any
            for family in collector.describe():  # type: ignore[attr-defined]
                suffix = "_total" if family.type == "counter" else ""
                name = f"{family.name}{suffix}"
                labels: Any = getattr(collector, "_labelnames", None) or getattr(
                    family, "_labelnames", ()
                )
                assert family.name in names
                assert family.documentation.endswith(".")
                found[name] = set(labels)
    return found


def test_the_reference_names_every_metric_with_its_labels_and_no_other() -> None:
    text = (ROOT / "docs/reference/metrics.md").read_text()
    rows = re.findall(r"^\| `(ibstack_\w+)` \| ([^|]*)\|", text, re.MULTILINE)
    # Values of a label follow its name and a colon.
    documented = {
        name: set(re.findall(r"`(\w+)`", labels.partition(":")[0])) for name, labels in rows
    }

    assert documented == exposed()


@pytest.mark.parametrize(
    "path", ["packaging/prometheus/ibstack-alerts.yml", "packaging/grafana/ibstack.json"]
)
def test_rules_and_dashboard_ask_for_what_is_exposed(path: str) -> None:
    names = exposed()
    asked = set(NAMED.findall((ROOT / path).read_text()))

    assert asked
    assert {_OF_A_HISTOGRAM.sub("", name) for name in asked} <= names.keys()


def test_names_follow_the_conventions_of_prometheus() -> None:
    for name in exposed():
        assert re.fullmatch(r"ibstack_[a-z]+(_[a-z]+)+", name)
        assert not name.endswith(("_ms", "_seconds_total", "_count"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadInput("x"), "bad-input"),
        (TryLater("x"), "try-later"),
        (Refused("x"), "refused"),
        (CommandFailed(("a",), 1, "", "b"), "failed"),
        (IbstackError("x"), "failed"),
    ],
)
def test_a_failure_has_one_of_the_kinds(error: Exception, kind: str) -> None:
    assert failure_kind(error) == kind
    assert kind in FAILURE_KINDS
