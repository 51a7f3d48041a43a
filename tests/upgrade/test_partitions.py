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


def test_one_odd_line_hides_no_other_statement() -> None:
    text = (
        "Default=0x7fff,ipoib: ALL=full, SELF=full;\n"
        "vlan1=0x1, ipoib, sl=0, defmember=full : ALL;\n"
        "private0=0x8002,ipoib: ALL=full, SELF=full;\n"
    )
    found = list(judge(text.encode(), "f", OWNED, USED))

    assert [(each.line, each.key, each.verdict) for each in found] == [
        (1, "partition 0x7fff", DECIDE),
        (2, "partition 0x0001", DECIDE),
        (3, "partition 0x0002", DECIDE),
    ]
    assert "ALL would lose that" in found[0].ibstack


def test_a_line_that_opensm_refuses_is_told_of_beside_all_statements() -> None:
    text = "D=0x7fff: ALL=full;\nred=0x10: node001;\nsan=0x1000:\n 0x11=full;\n"
    found = list(judge(text.encode(), "f", OWNED, USED))

    assert [(each.line, each.key) for each in found] == [
        (1, "partition 0x7fff"),
        (2, "line 2"),
        (2, "partition 0x0010"),
        (3, "partition 0x1000"),
    ]
    assert "every port a full member of the default partition" in found[1].to_do


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("san=0x9000: 0x11=full;", ["line 1", "partition 0x1000"]),
        ("red=0x8010: 0x11=full;", ["partition 0x0010"]),
        ("Default=0xffff: ALL;", ["partition 0x7fff"]),
        ("red=020: 0x11=full;", ["line 1", "partition 0x0010"]),
    ],
)
def test_an_odd_spelling_matters_where_it_would_be_carried_over(text: str, keys: list[str]) -> None:
    assert [each.key for each in judge(text.encode(), "f", OWNED, USED)] == keys


@given(st.binary(max_size=200))
def test_no_file_crashes_it(content: bytes) -> None:
    assert all(found.source == "f" for found in judge(content, "f", OWNED, None))
