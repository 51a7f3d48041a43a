# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.cli.app import main

if TYPE_CHECKING:
    from pathlib import Path

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


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return list(json.loads(capsys.readouterr().out))


def test_the_article_lands_on_infiniband(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert defaults(ARTICLE, tmp_path) == 0

    flat, first, later = rows(capsys)
    assert (flat["network_type"], flat["outcome"]) == ("flat", "never")
    assert (first["physical_network"], first["outcome"], first["segments"]) == (
        "ibhostnet",
        "first",
        10,
    )
    assert later["why"] == "when ibhostnet is used up"
    assert later["to_make_it_first"] == (
        "[ml2_type_vlan] network_vlan_ranges = phyvlanhostnet:11:20,ibhostnet:1:10"
    )
    assert first["mtu_bytes"] == 1500
    assert first["fabric_mtu_bytes"] is None, "it was not asked"


def test_a_different_mtu_is_said_with_its_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert defaults(ARTICLE, tmp_path, "--fabric-mtu", "2048") == 3

    said = capsys.readouterr()
    assert "networks of ibhostnet get MTU 1500, and IPoIB there carries 2044" in said.err
    assert "[ml2] physical_network_mtus = ibhostnet:2044,phyvlanhostnet:1500" in said.err
    assert json.loads(said.out)[1]["fabric_mtu_bytes"] == 2044
    assert json.loads(said.out)[2]["fabric_mtu_bytes"] is None


def test_the_remedy_ends_the_difference(tmp_path: Path) -> None:
    mended = (
        ARTICLE.replace("[ml2]\n", "[ml2]\nphysical_network_mtus = ibhostnet:2044\n")
        + "[DEFAULT]\nglobal_physnet_mtu = 2044\n"
    )

    assert defaults(mended, tmp_path, "--fabric-mtu", "2048") == 0


@pytest.mark.parametrize(
    ("mode", "group", "expected"),
    [("datagram", "4096", 4092), ("datagram", "2048", 2044), ("connected", "2048", 65520)],
)
def test_mode_and_group_decide_what_the_fabric_carries(
    mode: str, group: str, expected: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--fabric-mtu", "4096", "--mode", mode, "--group-mtu", group]
    defaults(ARTICLE, tmp_path, *words)

    assert rows(capsys)[1]["fabric_mtu_bytes"] == expected


def test_the_newer_name_of_the_option_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = ARTICLE.replace("tenant_network_types = flat,vlan", "project_network_types = vlan")

    assert defaults(newer, tmp_path) == 0
    assert [row["outcome"] for row in rows(capsys)] == ["first", "later"]


def test_two_names_that_differ_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = ARTICLE.replace("[ml2]\n", "[ml2]\nproject_network_types = vlan\n")

    assert defaults(both, tmp_path) == 0
    said = capsys.readouterr()
    assert "differ: Neutron 26 reads the former" in said.err
    assert [row["outcome"] for row in json.loads(said.out)] == ["first", "later"]


def test_the_older_name_is_no_reason_to_talk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert defaults(ARTICLE.replace("physical_networks = ibhostnet", ""), tmp_path) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense\n", "cannot read Neutron's settings"),
        (ARTICLE.replace("1:10", "1:5000"), "'ibhostnet:1:5000' (expected NAME or"),
        (ARTICLE.replace("type_drivers = flat,vlan", "type_drivers = flat"), "does not start"),
        (ARTICLE.replace("router", "router\nglobal_physnet_mtu = big"), "global_physnet_mtu"),
        (
            ARTICLE.replace("[ml2]\n", "[ml2]\nphysical_network_mtus = ibhostnet:big\n"),
            "cannot read Neutron's settings",
        ),
    ],
)
def test_bad_files_are_named(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert defaults(text, tmp_path) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none.ini")

    assert main(["network", "defaults", "--config-file", missing]) == 2
    assert f"there is no {missing}; name its files" in capsys.readouterr().err
