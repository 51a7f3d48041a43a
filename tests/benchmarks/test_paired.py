# SPDX-License-Identifier: Apache-2.0
"""What is measured on two sides in turn: how sure a ratio is, and who is asked what when."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from bench.paired.__main__ import main, read_limits
from bench.paired.comparison import Line, lines, table
from bench.paired.probe import CannotMeasure, Side, in_turn, running
from bench.paired.rounds import Took
from bench.paired.spread import Spread
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

_TOY = """\
import json, sys
from pathlib import Path

print(json.dumps({"ready": ["toy"]}), flush=True)
for line in sys.stdin:
    with Path(sys.argv[1]).open("a") as log:
        log.write(sys.argv[2])
    if sys.argv[2] == "x":
        sys.exit("the toy is broken")
    print(json.dumps({"a toy": {"seconds": 1.0, "cpu_s": 0.5}}), flush=True)
"""


def tree(folder: Path, **files: str) -> Side:
    """Return a side in *folder* whose bench has *files*, by what would be imported."""
    for path, text in {"bench/__init__": "", **files}.items():
        file = folder / f"{path}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return Side(folder.name, folder)


# By the table of the sign test: which of the sorted values enclose the median with 95 %.
@pytest.mark.parametrize(
    ("count", "first"), [(1, 1), (2, 1), (5, 1), (6, 1), (8, 1), (9, 2), (20, 6), (30, 10)]
)
def test_the_interval_is_that_of_the_sign_test(count: int, first: int) -> None:
    spread = Spread.of([float(n) for n in range(count, 0, -1)])

    assert (spread.low, spread.high) == (first, count + 1 - first)


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=40))
def test_a_median_is_in_its_interval_whatever_the_order(ratios: list[float]) -> None:
    spread = Spread.of(ratios)

    assert spread.low <= spread.median <= spread.high
    assert Spread.of(sorted(ratios)) == spread


def pair(first_s: float, second_s: float) -> tuple[dict[str, Took], dict[str, Took]]:
    return {"plug": Took(first_s, 0.1)}, {"plug": Took(second_s, 0.2)}


def test_noise_that_hits_both_of_a_pair_is_in_no_ratio() -> None:
    found = lines([pair(1, 1.1), pair(9, 9.9), pair(3, 3.3)], limit=1.05)

    assert [round(each.ratio.high, 6) for each in found if each.ratio] == [1.1]
    assert [each.cpu.median for each in found if each.cpu] == [2]
    assert found[0].missed
    assert "**1.100 (1.100 to 1.100)**, missed" in table(found, "then", "now")


def test_what_stays_below_its_limit_is_not_missed() -> None:
    assert not lines([pair(1, 1.04)], limit=1.05)[0].missed


def test_what_one_side_alone_tells_is_a_line_that_says_so() -> None:
    first, second = pair(1, 1)
    told = {**second, "explain": Took(1, 1)}

    found = {line.what: line for line in lines([(first, told)], limit=None)}

    assert found["plug"].ratio is not None
    assert found["explain"].ratio is None
    assert found["explain"].why == "the first side has no such measurement"
    assert json.loads(json.dumps(found["explain"].as_json()))["ratio"] is None


def test_a_line_without_a_ratio_has_missed_nothing() -> None:
    assert not Line(what="plug", limit=1.0, why="no such part").missed


def test_a_comparison_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no pair"):
        lines([], limit=None)


def test_a_limit_is_for_all_parts_or_for_one() -> None:
    limits = read_limits(["shell=0.85", "1.05"])

    assert (limits["plug"], limits["shell"]) == (1.05, 0.85)


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "nap=1.05", "plug=", "plug"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="cannot use limit"):
        read_limits([text])


def test_both_sides_measure_in_turn(tmp_path: Path) -> None:
    log = tmp_path / "log"
    sides = [tree(tmp_path / name, **{"bench/paired/__init__": ""}) for name in "ab"]
    for side in sides:
        (side.tree / "bench/paired/toy.py").write_text(_TOY)

    with running([(side, ["toy", str(log), side.name]) for side in sides]) as probes:
        pairs = in_turn(probes, "toy", 3)

    assert log.read_text() == "abababab"  # The first pair warms both up.
    assert pairs == [({"a toy": Took(1.0, 0.5)}, {"a toy": Took(1.0, 0.5)})] * 3


def test_a_program_that_ends_says_why(tmp_path: Path) -> None:
    side = tree(tmp_path / "x", **{"bench/paired/__init__": "", "bench/paired/toy": _TOY})

    with (
        running([(side, ["toy", str(tmp_path / "log"), "x"])] * 2) as probes,
        pytest.raises(CannotMeasure, match="the toy is broken"),
    ):
        in_turn(probes, "toy", 1)


def test_a_bench_without_programs_for_pairs_is_lent_ours(tmp_path: Path) -> None:
    side = tree(tmp_path / "old")

    with running([(side, ["shell"])]) as probes:
        assert probes[0].names == ()
        assert probes[0].missing == "No module named 'bench.cluster'"


def test_a_bench_with_programs_of_its_own_is_lent_none(tmp_path: Path) -> None:
    side = tree(tmp_path / "old", **{"bench/paired/__init__": ""})

    with running([(side, ["shell"])]) as probes:
        assert probes[0].missing == "its bench has no paired/shell.py"


def test_what_is_no_commit_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-commit", "plug"]) == 2
    assert "'no-such-commit': this repository has no such commit" in capsys.readouterr().err


def test_what_is_no_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["HEAD", "nap"])

    assert ended.value.code == 2
    assert "'nap': there are plug, explain" in capsys.readouterr().err
