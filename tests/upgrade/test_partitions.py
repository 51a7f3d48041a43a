# SPDX-License-Identifier: Apache-2.0
"""What is said of the statements of a site's partitions.conf."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.partition import KeyRange, PartitionKey
from ibstack.upgrade.finding import Verdict
from ibstack.upgrade.partitions import KeysInUse, judge

OWNED = KeyRange.parse("0x0001-0x0fff")
RED, GREEN = PartitionKey(0x10), PartitionKey(0x12)
USED = KeysInUse(served=frozenset({RED}), not_served=frozenset({RED, GREEN}))
KEEPS, DECIDE = Verdict.KEEPS, Verdict.DECIDE

CASES = [
    ("D=0x7fff,indx0: ALL=limited, ALL_SWITCHES=full, SELF=full;", KEEPS, "writes the same"),
    ("D=0x7fff: ALL=full;", DECIDE, "ALL would lose that"),
    ("D=0x7fff: ALL=limited, 0x0002c90300000011=full;", DECIDE, "0x0002c90300000011 would lose"),
    ("red=0x10: ALL=full;", DECIDE, "whoever else"),
    ("red=0x10: ALL;", DECIDE, "limited entry"),
    ("blue=0x11: ALL=full;", DECIDE, "no bound port"),
    ("green=0x12: ALL=full;", DECIDE, "no port that it serves"),
    ("storage=0x1000: 0x0002c90300000011=full;", KEEPS, "carries it over"),
    ("proof=0x7ff0: ALL=full;", DECIDE, "0x7ff0 to 0x7ff8"),
    ("red=0x10 ALL=full;", DECIDE, "lacks a `:`"),
    ("", DECIDE, "no statement"),
]


@pytest.mark.parametrize(("text", "verdict", "said"), CASES, ids=[case[0] for case in CASES])
def test_a_statement(text: str, verdict: Verdict, said: str) -> None:
    found = next(judge(f"{text}\n".encode(), "partitions.conf", OWNED, USED))

    assert (found.verdict, found.line, found.value) == (verdict, 1, text)
    assert said in found.ibstack


def test_where_the_ports_are_not_known_nothing_is_said_of_them() -> None:
    (found,) = judge(b"blue=0x11: ALL=full;\n", "partitions.conf", OWNED, None)

    assert found.verdict is DECIDE
    assert "--database" in found.to_do


@given(st.binary(max_size=200))
def test_no_file_crashes_it(content: bytes) -> None:
    assert all(found.source == "f" for found in judge(content, "f", OWNED, None))
