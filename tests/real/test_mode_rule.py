# SPDX-License-Identifier: Apache-2.0
"""udev reads the rule for connected mode, and it is meant for the interface's last name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import udev_judge
from guest.interfaces import STATIC
from ibstack.guest.mode_rule import mode_rule

if TYPE_CHECKING:
    from pathlib import Path

(RULE,) = mode_rule(STATIC)
NAME = RULE.path.rpartition("/")[2]
# A bridge is of type 1, not 32, and has no mode: a variable marks that the mode would be set.
MARKED = RULE.text.replace('=="32"', '=="1"').replace("ATTR{mode}=", "ENV{MODE}=")


@pytest.mark.parametrize(
    ("link", "named", "action", "means_it"),
    [
        ("ib0", "", "add", True),
        ("eth7", "ib0", "add", True),
        ("ib0", "ibs5", "add", False),
        ("ib0", "", "move", True),
        ("ib1", "", "add", False),
        ("ib1", "", "move", False),
    ],
)
def test_it_is_meant_for_the_interface_that_ends_with_the_name(
    link: str, named: str, action: str, means_it: bool, tmp_path: Path
) -> None:
    text = udev_judge.said(tmp_path, NAME, MARKED, action=action, link=link, named=named)

    assert ("MODE=connected" in text.splitlines()) is means_it


def test_it_leaves_ethernet_alone(tmp_path: Path) -> None:
    ethernet = RULE.text.replace("ATTR{mode}=", "ENV{MODE}=")

    assert "MODE=connected" not in udev_judge.said(tmp_path, NAME, ethernet)


def test_udev_reads_it_without_a_complaint_and_complains_of_a_bad_one(tmp_path: Path) -> None:
    def complaints(rules: str) -> list[str]:
        text = udev_judge.said(tmp_path, NAME, rules)
        return [line for line in text.splitlines() if f"{NAME}:" in line and "ib0:" not in line]

    assert complaints(RULE.text) == []
    assert complaints(RULE.text.replace('=="ib0"', '=="ib0', 1))
