# SPDX-License-Identifier: Apache-2.0
"""The alerts and the dashboard, judged by promtool over made-up series: no server runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
RULES = ROOT / "packaging" / "prometheus" / "ibstack-alerts.yml"
PROMISES = Path(__file__).with_name("ibstack-alerts-test.yml")
ALERTS = {
    rule["alert"]: rule["expr"]
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
}
DASHBOARD = json.loads((ROOT / "packaging" / "grafana" / "ibstack.json").read_text())
STATS = {
    panel["title"]: panel["targets"][0]["expr"].replace("$instance", ".*")
    for panel in DASHBOARD["panels"]
    if panel["type"] == "stat"
}
_METRIC = re.compile(r"\b(?:up|ibstack_\w+)\b")

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool, of package prometheus"
)


def promtool(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        ["promtool", *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_promtool_takes_the_rules_and_what_they_promise(tmp_path: Path) -> None:
    for file in (RULES, PROMISES):
        shutil.copy(file, tmp_path)

    promtool("check", "rules", RULES, cwd=tmp_path)
    promtool("test", "rules", PROMISES.name, cwd=tmp_path)


@needs_promtool
def test_promtool_refuses_a_rule_that_is_none(tmp_path: Path) -> None:
    broken = tmp_path / "rules.yml"
    broken.write_text(
        RULES.read_text().replace("ibstack_eswitchd_up == 0", "ibstack_eswitchd_up ==")
    )

    with pytest.raises(AssertionError, match="could not parse expression"):
        promtool("check", "rules", broken, cwd=tmp_path)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_is_promised_to_be_raised_once_and_once_not_to_be(alert: str) -> None:
    """Both over series that its expression asks for: over none nothing is ever raised."""
    asked, raised = set(_METRIC.findall(ALERTS[alert])), set()
    for case in yaml.safe_load(PROMISES.read_text())["tests"]:
        given = {_METRIC.findall(each["series"])[0] for each in case["input_series"]}
        for look in case["alert_rule_test"]:
            if look["alertname"] == alert and (asked & given or "absent" in ALERTS[alert]):
                raised.add(bool(look["exp_alerts"]))

    assert raised == {True, False}


def test_the_how_to_names_every_critical_alert() -> None:
    rules = [rule for g in yaml.safe_load(RULES.read_text())["groups"] for rule in g["rules"]]
    critical = {rule["alert"] for rule in rules if rule["labels"]["severity"] == "critical"}
    text = (ROOT / "docs" / "how-to" / "watch-drift.md").read_text()

    assert critical
    assert critical <= set(re.findall(r"`(Ibstack\w+)`", text))


def shows(query: str, series: Mapping[str, str], values: Mapping[str, float], at: Path) -> None:
    """Hold *query*, after five minutes of *series*, to *values* by their labels."""
    samples = [{"labels": labels, "value": value} for labels, value in values.items()]
    look = {"expr": query, "eval_time": "5m", "exp_samples": samples}
    given = [{"series": name, "values": each} for name, each in series.items()]
    case: dict[str, Any] = {"interval": "1m", "input_series": given, "promql_expr_test": [look]}
    (at / "case.yml").write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}))
    promtool("test", "rules", "case.yml", cwd=at)


def fabricd(instance: str, fabric: str, role: str, drift: str = "0", ends: str = "x9") -> Any:
    """Return the series of one fabricd; *ends*: `x9`, or ` stale` where it is gone."""
    where = f'job="ibstack-fabricd",instance="{instance}"'
    gone = ends != "x9"
    known = drift if drift != "NaN" else "NaN+0"
    return {
        f'up{{job="ibstack-fabricd",instance="{instance}"}}': "1 0x9" if gone else "1x9",
        f'ibstack_fabricd_info{{physical_network="{fabric}",{where}}}': f"1{ends}",
        f'ibstack_fabricd_role{{role="master",{where}}}': f"{int(role == 'master')}{ends}",
        f'ibstack_fabricd_drift{{class="open default",{where}}}': f"{known}{ends}",
        f'ibstack_fabricd_drift{{class="missing",{where}}}': f"{known}{ends}",
        f'ibstack_fabricd_drift{{class="stale standby",{where}}}': f"0{ends}",
        f'ibstack_fabricd_members{{state="waiting",{where}}}': f"0{ends}",
    }


A, B = '{physical_network="a"}', '{physical_network="b"}'
JUDGED = ("Isolation at risk", "Other drift", "Members not in force")


@needs_promtool
@pytest.mark.parametrize("panel", STATS)
def test_a_panel_shows_nothing_where_nothing_is_scraped(panel: str, tmp_path: Path) -> None:
    shows(STATS[panel], {}, {}, tmp_path)


@needs_promtool
@pytest.mark.parametrize("panel", JUDGED)
def test_a_fabric_whose_daemons_are_gone_is_not_shown_as_sound(panel: str, tmp_path: Path) -> None:
    series = {**fabricd("sm1", "a", "master"), **fabricd("sm2", "b", "master", ends=" stale")}

    shows(f"({STATS[panel]}) >= 0", series, {A: 0}, tmp_path)
    # What is not known is the one number that is not equal to itself.
    query = f"count by (physical_network) (({STATS[panel]}) != ({STATS[panel]}))"
    shows(query, series, {B: 1}, tmp_path)


@needs_promtool
def test_what_a_master_has_not_compared_is_not_shown_as_sound(tmp_path: Path) -> None:
    series = {**fabricd("sm1", "a", "master", drift="NaN"), **fabricd("sm2", "a", "standby")}

    shows(f"({STATS['Isolation at risk']}) >= 0", series, {}, tmp_path)


@needs_promtool
def test_the_masters_are_shown_fabric_by_fabric(tmp_path: Path) -> None:
    two = {**fabricd("sm1", "a", "master"), **fabricd("sm2", "a", "master")}
    gone = fabricd("sm3", "b", "master", ends=" stale")

    shows(STATS["Masters"], {**two, **gone}, {A: 2, B: 0}, tmp_path)
    (panel,) = (each for each in DASHBOARD["panels"] if each["title"] == "Masters")
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in steps] == [
        (None, "red"),
        (1, "green"),
        (2, "red"),
    ]


@needs_promtool
def test_agents_that_are_all_down_are_counted(tmp_path: Path) -> None:
    agents = {f'up{{job="ibstack-agent",instance="n{n}"}}': "1 0x9" for n in range(3)}
    agents['ibstack_eswitchd_up{job="ibstack-agent",instance="n1"}'] = "1 stale"

    shows(STATS["Daemons down"], {**fabricd("sm1", "a", "master"), **agents}, {"{}": 3}, tmp_path)


@pytest.mark.parametrize("title", STATS)
def test_a_panel_of_one_number_shows_what_is_now(title: str) -> None:
    """Over a range it would show the last number there was, hours after there is none."""
    (panel,) = (each for each in DASHBOARD["panels"] if each["title"] == title)

    assert [target["instant"] for target in panel["targets"]] == [True]
