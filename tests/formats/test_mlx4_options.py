# SPDX-License-Identifier: Apache-2.0
"""mlx4_core's values: for all adapters, or for each by its address."""

from __future__ import annotations

import pytest

from ibstack.formats.mlx4_options import ByAdapter, parse

PCI = "0000:05:00.0"


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ("16", (16,)),
        ("1,2,3", (1, 2, 3)),
        ("0x10", (16,)),
        ("010", (8,)),
        ("0000:05:00.0-5", (5,)),
        ("05:00.0-1;2;3", (1, 2, 3)),
        ("06:00.0-5,05:00.0-8", (8,)),
        ("0001:05:00.0-5", None),
        ("06:00.0-5", None),
    ],
)
def test_an_adapter_has_its_own_numbers_or_those_of_all(
    value: str, numbers: tuple[int, ...] | None
) -> None:
    found = parse(value)

    assert found is not None
    assert found.of(PCI) == numbers


@pytest.mark.parametrize(
    "value", ["", "many", "05:00.0=5", "05:00.0", "05:00.0-", "05:00.0-5,8", "1;2", "05:00.9-1"]
)
def test_what_neither_form_has_is_not_understood(value: str) -> None:
    assert parse(value) is None


def test_an_option_of_no_adapter_is_about_none() -> None:
    assert ByAdapter(()).of(PCI) == ()
