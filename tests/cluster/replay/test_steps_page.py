# SPDX-License-Identifier: Apache-2.0
"""docs/reference/article-steps.md has every step of the article once, and tests that there are."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from cluster.replay.article_commands import steps

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/reference/article-steps.md"
STEPS = 111
_ROW = re.compile(r"^\| ([-\d, ]+) \| (.+) \| (.+) \|$", re.MULTILINE)
_TEST = re.compile(r"`([\w/]+\.py)::([\w:]+)`")
_TYPED, _NO_TEST = "*typed*", "no test"


def rows() -> list[tuple[set[int], str]]:
    """Return the steps of each row, and what checks them."""
    found = _ROW.findall(PAGE.read_text("utf-8"))
    return [(_numbers(numbers), checked) for numbers, _, checked in found]


def _numbers(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def named() -> list[tuple[str, str]]:
    """Return (file, test) of every test that the page names."""
    return [
        (f"tests/cluster/{path}" if path.startswith("replay/") else path, test)
        for path, test in _TEST.findall(PAGE.read_text("utf-8"))
    ]


@cache
def defined_in(path: str) -> frozenset[str]:
    """Return the tests of a file, those of a class after its name."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    within = ((each.name, each.body) for each in tree.body if isinstance(each, ast.ClassDef))
    bodies = [("", tree.body), *((f"{name}::", body) for name, body in within)]
    return frozenset(
        f"{prefix}{each.name}"
        for prefix, body in bodies
        for each in body
        if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")
    )


def test_every_step_is_in_one_row() -> None:
    numbers = sorted(number for row, _ in rows() for number in row)

    assert numbers == list(range(1, STEPS + 1))


def test_every_row_has_a_test_or_the_reason_why_not() -> None:
    for numbers, checked in rows():
        reason = checked.startswith((f"{_NO_TEST}: ", f"{_NO_TEST} of "))
        assert _TYPED in checked or _TEST.search(checked) or reason, numbers


def test_what_is_said_to_be_typed_is_typed() -> None:
    typed = {step.number for step in steps() if step.type in ("cmsh", "ours")}
    said = {number for numbers, checked in rows() if _TYPED in checked for number in numbers}

    assert typed <= said
    # Beside them only what the article shows of, or says about, a command of the same row.
    assert said - typed == {59, 67, 103}


@pytest.mark.parametrize(("path", "test"), sorted(set(named())))
def test_a_test_that_is_named_exists(path: str, test: str) -> None:
    assert test in defined_in(path)
