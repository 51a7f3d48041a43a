# SPDX-License-Identifier: Apache-2.0
"""udev reads the rule that makes virtual functions, and goes by the interface's last name."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Final

import udev_judge
from cluster.infiniband_cluster import FABRIC, set_values, todays_cluster
from ibstack.cluster.config.render import adapter_driver, files_of

NAME: Final = Path(adapter_driver.UDEV_PATH).name


def said(folder: Path, rules: str) -> str:
    """Return what udev says of *rules* when ib0 appears."""
    return udev_judge.said(folder, NAME, rules)


def rules_of_the_cluster() -> str:
    draft = todays_cluster()
    set_values(draft, FABRIC, adapter="mlx5")
    file = files_of(draft, "node002")[PurePosixPath(adapter_driver.UDEV_PATH)]
    return file.content(None).decode()


def complaints(text: str) -> list[str]:
    return [line for line in text.splitlines() if f"{NAME}:" in line and "ib0:" not in line]


def test_udev_reads_it_without_a_complaint(tmp_path: Path) -> None:
    text = said(tmp_path, rules_of_the_cluster())

    assert f"Reading rules file: /run/udev/rules.d/{NAME}" in text
    assert complaints(text) == []


def test_that_judge_tells_of_a_bad_rule(tmp_path: Path) -> None:
    text = said(tmp_path, rules_of_the_cluster().replace('=="ib0"', '=="ib0'))

    assert complaints(text)


def test_its_conditions_are_met_by_the_interface_of_that_name_alone(tmp_path: Path) -> None:
    # A bridge is no InfiniBand (1, not 32) and has no functions; a mark shows that all else holds.
    rules = rules_of_the_cluster().replace('ATTR{type}=="32"', 'ATTR{type}=="1"')
    rules = rules.replace(' ATTR{device/sriov_numvfs}=="0",', "")
    marked = rules.replace("ATTR{device/sriov_numvfs}=", "ENV{MADE}=")

    assert "MADE=16" in said(tmp_path, marked).splitlines()
    other = marked.replace('NAME=="ib0"', 'NAME=="ib1"')
    assert "MADE=16" not in said(tmp_path, other).splitlines()
