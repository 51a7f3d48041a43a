# SPDX-License-Identifier: Apache-2.0
"""The table of `make bench`: what it says of figures, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from bench import page
from bench.row import Figure, Row
from bench.rows import rows


def printed(median: int | None, lost: int = 0, before_plug: int = 0) -> dict[str, Any]:
    """What bench/plug.py prints, the same time for all that it plugs."""
    times = {
        "n": 16,
        "lost": lost,
        "before_plug": before_plug,
        "median_ms": median,
        "worst_ms": median and 2 * median,
    }
    names = ("one_at_a_time", "eight_at_a_time", "sixteen_at_once", "used_vf", "ebrctl")
    return {
        **{name: times for name in names},
        "plug_first": {"tries": 16, "lost": lost},
        "any_order": {"tries": 192, "lost": 0},
        "resident_mib": {"agent": 60.0, "eswitchd": 30.0, "all": 90.0},
        "idle_percent": {"agent": 0.1, "eswitchd": 0.0},
        "idle_s": 30,
    }


def line(text: str, what: str) -> list[str]:
    found = [each for each in text.splitlines() if each.startswith(f"| {what} ")]
    assert len(found) == 1
    return [cell.strip() for cell in found[0].strip("|").split("|")]


def test_both_sides_and_their_ratio_are_on_one_line() -> None:
    text = page.table(rows({"plug": printed(200), "peer": printed(3000)}))

    assert line(text, "plug → ACTIVE, one at a time") == [
        "plug → ACTIVE, one at a time",
        "≤ 350 ms",
        "200 ms (n = 16)",
        "400 ms",
        "3000 ms (n = 16)",
        "6000 ms",
        "15.0",
    ]


def test_what_misses_its_reach_is_marked() -> None:
    text = page.table(rows({"plug": printed(1700)}))

    assert "**1700 ms (n = 16)**, missed" in line(text, "plug → ACTIVE, 16 at once")
    assert "1700 ms (n = 16)" in line(text, "plug → ACTIVE, 16 ports, 8 at a time")


def test_lost_ports_are_counted_and_have_no_ratio() -> None:
    text = page.table(rows({"plug": printed(200), "peer": printed(3000, lost=2)}))

    cells = line(text, "ports lost, plug before the port is bound")
    assert (cells[2], cells[4], cells[6]) == ("0 of 16", "2 of 16", "")
    assert line(text, "plug → ACTIVE, 16 at once")[4] == "3000 ms (n = 16, 2 lost)"


def test_ports_that_were_active_too_early_are_counted() -> None:
    text = page.table(rows({"plug": printed(200), "peer": printed(3000, before_plug=8)}))

    assert line(text, "ports ACTIVE before their plug, on VFs used before")[4] == "8 of 16"


def test_a_part_brings_lines_of_its_own() -> None:
    said = {
        "what": "audit of 1000 ports",
        "unit": "s",
        "limit": 0.15,
        "ibstack": {"median": 0.1, "worst": 0.2, "n": 5},
    }

    assert rows({"scale_audit": {"hosts": 1000, "rows": [said]}}) == [
        Row(what="audit of 1000 ports", unit="s", limit=0.15, ibstack=Figure(0.1, 0.2, 5))
    ]


def test_a_line_that_nobody_could_read_is_refused() -> None:
    with pytest.raises(TypeError, match="mean"):
        rows({"part": {"rows": [{"what": "x", "unit": "s", "ibstack": {"mean": 1}}]}})


def test_times_of_ports_that_were_all_lost_are_refused() -> None:
    with pytest.raises(ValueError, match="all 16 ports were lost"):
        rows({"plug": printed(200), "peer": printed(None, lost=16)})


def test_the_pages_own_text_stays() -> None:
    begin, end = (f"<!-- {which}: written by make bench -->" for which in ("begin", "end"))
    old = f"above\n{begin}\nold\n{end}\nbelow"

    new = page.put(old, "new")

    assert new == old.replace("old\n", "new\n")


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="has no lines"):
        page.put("text", "new")
