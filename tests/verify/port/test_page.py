# SPDX-License-Identifier: Apache-2.0
"""The reference's table of faults says what the lab's faults must say."""

from __future__ import annotations

import re

import pytest

from explained_faults import FAULTS, Fault, rows_of_the_page


def test_the_page_has_every_fault_and_no_other() -> None:
    assert list(rows_of_the_page()) == [fault.name for fault in FAULTS]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_the_page_has_the_first_line_of_a_fault(fault: Fault) -> None:
    """tests/e2e/test_explained_faults.py holds the rest of the line to what is really said."""
    told = rows_of_the_page()[fault.name]

    assert re.match(fault.says, told), (fault.says, told)
