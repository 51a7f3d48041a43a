# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import BadInput
from ibstack.fabric.ipoib import IpoibMode
from ibstack.neutron.networks.fabric_mtu import (
    IB_MTUS_BYTES,
    FabricMtu,
    MtuOptions,
    explain_difference,
    network_mtu,
    remedy,
)

IB = "ibhostnet"
FABRIC = FabricMtu(2048)


@pytest.mark.parametrize(
    ("fabric", "mode", "expected"),
    [
        (FabricMtu(2048), IpoibMode.DATAGRAM, 2044),
        (FabricMtu(4096, group_bytes=4096), IpoibMode.DATAGRAM, 4092),
        (FabricMtu(4096), IpoibMode.DATAGRAM, 2044),
        (FabricMtu(2048, group_bytes=4096), IpoibMode.DATAGRAM, 2044),
        (FabricMtu(2048), IpoibMode.CONNECTED, 65520),
    ],
)
def test_the_links_and_the_group_both_limit_ipoib(
    fabric: FabricMtu, mode: IpoibMode, expected: int
) -> None:
    assert fabric.ipoib_bytes(mode) == expected


def test_a_size_that_infiniband_has_not_is_refused() -> None:
    with pytest.raises(BadInput, match="256, 512, 1024, 2048 or 4096"):
        FabricMtu(1500)


def test_too_large_is_said_with_its_effect() -> None:
    said = explain_difference(MtuOptions(global_physnet_mtu=9000), IB, FABRIC)

    assert said is not None
    assert said.startswith("networks of ibhostnet get MTU 9000, and IPoIB there carries 2044")
    assert "larger packets are lost" in said
    assert "set [ml2] physical_network_mtus = ibhostnet:2044; restart" in said
    assert "`openstack network set --mtu 2044`" in said


def test_too_small_is_said_with_its_effect() -> None:
    said = explain_difference(MtuOptions(), IB, FABRIC)

    assert said is not None
    assert "smaller than they need be" in said
    assert "[DEFAULT] global_physnet_mtu = 2044" in said


def test_no_limit_at_all_is_too_large() -> None:
    said = explain_difference(MtuOptions(global_physnet_mtu=0), IB, FABRIC)

    assert said is not None
    assert "get MTU without a limit" in said


def test_a_type_of_another_vendor_has_no_mtu_that_is_known() -> None:
    assert network_mtu(MtuOptions(), "ours", None) is None


@given(
    global_mtu=st.integers(0, 70000),
    path_mtu=st.integers(0, 9000),
    mtus=st.dictionaries(st.sampled_from([IB, "a", "b"]), st.integers(68, 70000)),
    link=st.sampled_from(IB_MTUS_BYTES),
    mode=st.sampled_from(IpoibMode),
)
def test_the_remedy_mends_one_network_and_changes_no_other(
    global_mtu: int, path_mtu: int, mtus: dict[str, int], link: int, mode: IpoibMode
) -> None:
    before = MtuOptions(global_mtu, path_mtu, mtus)
    fabric = FabricMtu(link)
    settings = remedy(before, IB, fabric.ipoib_bytes(mode), ["a", "b", "c"])
    said = dict(setting.partition("] ")[2].split(" = ") for setting in settings)
    after = MtuOptions(
        int(said.get("global_physnet_mtu", global_mtu)),
        int(said.get("path_mtu", path_mtu)),
        {n: int(m) for n, m in (p.split(":") for p in said["physical_network_mtus"].split(","))},
    )

    assert explain_difference(after, IB, fabric, mode) is None
    for kind, name in itertools.product(("vlan", "flat"), ("a", "b", "c")):
        assert network_mtu(after, kind, name) == network_mtu(before, kind, name)
    for kind in ("vxlan", "gre", "geneve"):
        assert network_mtu(after, kind, None) == network_mtu(before, kind, None)
