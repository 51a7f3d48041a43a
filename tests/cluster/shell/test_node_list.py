# SPDX-License-Identifier: Apache-2.0
"""Node lists: what they stand for, and the shortest of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.cluster.shell.node_list import expand, fold
from ibstack.fabric.errors import BadInput

names = st.builds(
    lambda head, number, width: f"{head}{number:0{width}}",
    st.sampled_from(["node", "gpu", "rack1-n"]),
    st.integers(0, 40),
    st.sampled_from([1, 3]),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("node001", "node001"),
        ("b a", "a b"),
        ("node001..node003", "node001 node002 node003"),
        ("node001,node005..node006", "node001 node005 node006"),
        ("node001 node005..node006", "node001 node005 node006"),
        ("dgx008..010", "dgx008 dgx009 dgx010"),
        ("n9..n11", "n9 n10 n11"),
        ("a00[1-3]", "a001 a002 a003"),
        ("a[1,3]", "a1 a3"),
        ("node[01-02]s[1-2]", "node01s1 node01s2 node02s1 node02s2"),
        ("node001..node005,-node002..node003", "node001 node004 node005"),
        ("node00[1..7:3]", "node001 node004 node007"),
        ("node[004-010:4]", "node004 node008"),
        ("n1..n5:2", "n1 n3 n5"),
        ("rack1-n1..rack1-n2", "rack1-n1 rack1-n2"),
        ("n1-ib..n2-ib", "n1-ib n2-ib"),
        ("-n1", ""),
        ("n1,,n2,", "n1 n2"),
        ("host", "host"),
    ],
)
def test_a_list_stands_for_names(text: str, expected: str) -> None:
    assert sorted(expand(text)) == sorted(expected.split())


@pytest.mark.parametrize(
    "text",
    [
        *("a..b", "node003..node001", "x1..y2", "n1..n2[3-4]", "n[1..", "n[1-2", "n]", "n[]"),
        *("n[a-b]", "n1&n2", "@group", "n*", "n1!n2", "n[1-2][3-4]", "n1..n05", "n[1-5:0]"),
        *("n1..n9:0", "a/b", "n1..n200000", "n[1-999999999]", "n[1-1000]m[1-1000]", "node1.."),
        *("..node2", "n1..2-ib", "n[1-\u0663]", "n1..n\u0663", "n\u00e4"),
    ],
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        expand(text)


def test_a_file_holds_a_list(tmp_path: Path) -> None:
    file = tmp_path / "nodes"
    file.write_text("n1..n3  # rack 1\n-n2\n\nn7,n9\n")

    assert expand(f"n0,^{file}") == ["n0", "n1", "n3", "n7", "n9"]


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read the node list"):
        expand(f"^{tmp_path}")


@pytest.mark.parametrize(
    ("unfolded", "folded"),
    [
        ("node001 node002 node003", "node001..node003"),
        ("node001 node003", "node001,node003"),
        ("b1 a1 a2", "a1..a2,b1"),
        ("n9 n10 n11", "n9..n11"),
    ],
)
def test_names_are_folded_in_dots(unfolded: str, folded: str) -> None:
    assert fold(unfolded.split()) == folded


@given(st.sets(names))
def test_what_is_folded_stands_for_the_same_names(chosen: set[str]) -> None:
    assert set(expand(fold(chosen))) == chosen
