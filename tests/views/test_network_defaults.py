# SPDX-License-Identifier: Apache-2.0
"""Where a tenant's plain network lands, by Neutron's ini files, and whether its MTU fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput
from ibstack.fabric.ipoib import IpoibMode
from ibstack.views.network_defaults import FabricMtu, NetworkDefaults, network_defaults

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


def defaults(
    text: str,
    folder: Path,
    fabric: FabricMtu | None = None,
    mode: IpoibMode = IpoibMode.DATAGRAM,
) -> tuple[NetworkDefaults, list[str]]:
    """Return what follows from the files, and what was remarked."""
    file, remarks = folder / "ml2_conf.ini", list[str]()
    file.write_text(text)
    return network_defaults([str(file)], [], fabric, mode, remarks.append), remarks


def test_the_article_lands_on_infiniband(tmp_path: Path) -> None:
    found, _ = defaults(ARTICLE, tmp_path)

    flat, first, later = found.rows
    assert (flat.network_type, flat.outcome) == ("flat", "never")
    assert (first.physical_network, first.outcome, first.segments) == ("ibhostnet", "first", 10)
    assert later.why == "when ibhostnet is used up"
    assert later.to_make_it_first == (
        "[ml2_type_vlan] network_vlan_ranges = phyvlanhostnet:11:20,ibhostnet:1:10"
    )
    assert first.mtu_bytes == 1500
    assert first.fabric_mtu_bytes is None, "it was not asked"


def test_a_different_mtu_is_told_with_its_remedy(tmp_path: Path) -> None:
    found, _ = defaults(ARTICLE, tmp_path, FabricMtu(2048, 2048))

    (difference,) = found.differences
    assert "networks of ibhostnet get MTU 1500, and IPoIB there carries 2044" in difference
    assert "[ml2] physical_network_mtus = ibhostnet:2044,phyvlanhostnet:1500" in difference
    assert [row.fabric_mtu_bytes for row in found.rows] == [None, 2044, None]


def test_the_remedy_ends_the_difference(tmp_path: Path) -> None:
    mended = (
        ARTICLE.replace("[ml2]\n", "[ml2]\nphysical_network_mtus = ibhostnet:2044\n")
        + "[DEFAULT]\nglobal_physnet_mtu = 2044\n"
    )

    assert defaults(mended, tmp_path, FabricMtu(2048, 2048))[0].differences == ()


@pytest.mark.parametrize(
    ("mode", "group", "expected"),
    [
        (IpoibMode.DATAGRAM, 4096, 4092),
        (IpoibMode.DATAGRAM, 2048, 2044),
        (IpoibMode.CONNECTED, 2048, 65520),
    ],
)
def test_mode_and_group_decide_what_the_fabric_carries(
    mode: IpoibMode, group: int, expected: int, tmp_path: Path
) -> None:
    found, _ = defaults(ARTICLE, tmp_path, FabricMtu(4096, group), mode)

    assert found.rows[1].fabric_mtu_bytes == expected


def test_the_newer_name_of_the_option_is_read(tmp_path: Path) -> None:
    newer = ARTICLE.replace("tenant_network_types = flat,vlan", "project_network_types = vlan")

    found, _ = defaults(newer, tmp_path)

    assert [row.outcome for row in found.rows] == ["first", "later"]


def test_two_names_that_differ_are_remarked(tmp_path: Path) -> None:
    both = ARTICLE.replace("[ml2]\n", "[ml2]\nproject_network_types = vlan\n")

    found, remarks = defaults(both, tmp_path)

    assert "differ: Neutron 26 reads the former" in remarks[0]
    assert [row.outcome for row in found.rows] == ["first", "later"]


def test_the_older_name_is_no_reason_to_remark(tmp_path: Path) -> None:
    older = ARTICLE.replace("physical_networks = ibhostnet", "")

    assert defaults(older, tmp_path)[1] == []


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
def test_bad_files_are_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as raised:
        defaults(text, tmp_path)

    assert said in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.ini")

    with pytest.raises(BadInput) as raised:
        network_defaults([missing], [], None, IpoibMode.DATAGRAM, print)

    assert f"there is no {missing}; name its files" in str(raised.value)
