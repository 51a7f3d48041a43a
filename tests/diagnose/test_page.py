# SPDX-License-Identifier: Apache-2.0
"""The reference's table of faults says what the lab's faults must say."""

from __future__ import annotations

import re

import pytest

from diagnose import test_diagnosis
from explained_faults import FAULTS, PAGE, Fault, rows_of_the_page
from ibstack.diagnose.diagnosis import STEPS


def test_the_page_has_every_fault_and_no_other() -> None:
    assert list(rows_of_the_page()) == [fault.name for fault in FAULTS]


def test_the_page_has_every_station_in_its_order() -> None:
    _, _, table = PAGE.read_text().partition("| step | where it is read |")
    lines, _, _ = table.partition("\n\n")
    rows = [line.strip("|").split("|")[0].strip() for line in lines.splitlines()[2:]]

    assert rows == [step.looked_at for step in STEPS]


def test_the_page_counts_the_cases_of_the_walk() -> None:
    assert f"`tests/diagnose/test_diagnosis.py` holds {len(test_diagnosis.FAULTS)} cases more" in (
        PAGE.read_text()
    )


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_the_page_has_the_first_line_of_a_fault(fault: Fault) -> None:
    """tests/e2e/test_explained_faults.py holds the rest of the line to what is really said."""
    told = rows_of_the_page()[fault.name]

    assert re.match(fault.says, told), (fault.says, told)
