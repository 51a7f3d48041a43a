# SPDX-License-Identifier: Apache-2.0
"""Parameters are taken apart as the kernel does it."""

from __future__ import annotations

import pytest

from ibstack.formats.kernel_words import parameters


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("num_vfs=16 probe_vf=8", [("num_vfs", "16"), ("probe_vf", "8")]),
        ('port_type_array="1,1"', [("port_type_array", "1,1")]),
        ('x="a b" y', [("x", "a b"), ("y", None)]),
        ('"x=a b" y=1', [("x", "a b"), ("y", "1")]),
        ("num-vfs=1-2", [("num_vfs", "1-2")]),
        ("a=1 -- b=2", [("a", "1")]),
        ("a=b=c", [("a", "b=c")]),
        ('a="b c', [("a", "b c")]),
        ("a=\tb=2\n", [("a", ""), ("b", "2")]),
        ("", []),
    ],
)
def test_words_end_at_blanks_outside_of_quotes(
    text: str, found: list[tuple[str, str | None]]
) -> None:
    assert list(parameters(text)) == found
