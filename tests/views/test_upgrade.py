# SPDX-License-Identifier: Apache-2.0
"""Which files an upgrade is judged by: those that are named, and those at their usual places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput
from ibstack.views.upgrade import FILES, PLACES, upgrade_check, usual

if TYPE_CHECKING:
    from pathlib import Path


def put(root: Path, place: str, text: str = "") -> Path:
    file = root / place.lstrip("/")
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("agent", "etc/neutron/plugins/mlnx/mlnx_conf.ini"),
        ("agent", "etc/kolla/neutron-mlnx-agent/mlnx_agent.ini"),
        ("eswitchd", "etc/neutron/plugins/ml2/eswitchd.conf"),
        ("eswitchd", "etc/eswitchd/eswitchd.conf"),
        ("eswitchd", "etc/kolla/neutron-eswitchd/eswitchd.conf"),
        ("ml2", "etc/kolla/neutron-server/ml2_conf.ini"),
        ("neutron", "etc/kolla/neutron-server/neutron.conf"),
        ("partitions", "etc/rdma/partitions.conf"),
    ],
)
def test_files_are_found_where_deployments_keep_them(
    tmp_path: Path, option: str, place: str
) -> None:
    assert usual(option, tmp_path) is None
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    file.write_text("")

    assert usual(option, tmp_path) == file


def test_a_file_that_is_named_counts_in_place_of_the_usual_one(tmp_path: Path) -> None:
    put(tmp_path, PLACES["agent"][0], "[ESWITCH]\nphysical_interface_mappings = ib0\n")
    named = tmp_path / "mlnx_conf.ini"
    named.write_text("[ESWITCH]\nphysical_interface_mappings = ib:ib0\n")

    found = upgrade_check({"agent": named}, None, tmp_path)

    assert {each.source for each in found.findings} == {str(named)}
    usual_one = upgrade_check({}, None, tmp_path)
    assert str(tmp_path / PLACES["agent"][0].lstrip("/")) in {
        each.source for each in usual_one.findings
    }
    assert usual_one.exit_code == 3


def test_where_there_is_nothing_to_judge_the_places_and_options_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as raised:
        upgrade_check({}, None, tmp_path)

    said = str(raised.value)
    assert all(place in said for places in PLACES.values() for place in places)
    assert all(f"--{name}" in said for name in (*FILES, "database"))
