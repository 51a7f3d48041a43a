# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ibstack.cli.app import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ARTICLE = """
[DEFAULT]
service_plugins = router
[ml2]
type_drivers = flat,vlan
tenant_network_types = flat,vlan
[ml2_type_vlan]
network_vlan_ranges = ibhostnet:1:10,phyvlanhostnet:11:20
[infiniband]
physical_networks = ibhostnet
"""


def defaults(text: str, folder: Path, *arguments: str) -> int:
    file = folder / "ml2_conf.ini"
    file.write_text(text)
    return main(["network", "defaults", "--config-file", str(file), "-f", "json", *arguments])


def test_a_different_mtu_is_said_with_its_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert defaults(ARTICLE, tmp_path, "--fabric-mtu", "2048") == 3

    said = capsys.readouterr()
    assert "networks of ibhostnet get MTU 1500, and IPoIB there carries 2044" in said.err
    assert "[ml2] physical_network_mtus = ibhostnet:2044,phyvlanhostnet:1500" in said.err
    assert json.loads(said.out)[1]["fabric_mtu_bytes"] == 2044
    assert json.loads(said.out)[2]["fabric_mtu_bytes"] is None


def test_it_ends_with_0_where_the_remedy_was_followed_and_what_is_not_known_is_null(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mended = ARTICLE.replace("[ml2]\n", "[ml2]\nphysical_network_mtus = ibhostnet:2044\n")
    mended += "[DEFAULT]\nglobal_physnet_mtu = 2044\n"

    assert defaults(mended, tmp_path, "--fabric-mtu", "2048") == 0
    assert json.loads(capsys.readouterr().out)[2]["fabric_mtu_bytes"] is None


def test_the_mode_and_the_groups_mtu_are_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    defaults(ARTICLE, tmp_path, "--fabric-mtu", "4096", "--group-mtu", "4096")
    assert json.loads(capsys.readouterr().out)[1]["fabric_mtu_bytes"] == 4092

    defaults(ARTICLE, tmp_path, "--fabric-mtu", "4096", "--mode", "connected")
    assert json.loads(capsys.readouterr().out)[1]["fabric_mtu_bytes"] == 65520


def test_a_bad_file_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert defaults("nonsense\n", tmp_path) == 2
    assert "cannot read Neutron's settings" in capsys.readouterr().err
