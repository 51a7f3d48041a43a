# SPDX-License-Identifier: Apache-2.0
"""What only ConnectX-4 and later have: two GUIDs, a link policy, and a driver to start anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import IbstackError
from ibstack.host.client.observed import Link
from one_adapter import GUID, RED, OneAdapter, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator

VF = 1
UNSET = 0
INVALID = (1 << 64) - 1


@pytest.fixture
def files() -> Iterator[OneAdapter]:
    with OneAdapter(Variant.MLX5_FILES) as made:
        yield made


@pytest.fixture
def netlink() -> Iterator[OneAdapter]:
    with OneAdapter(Variant.MLX5_NETLINK) as made:
        yield made


def settings(one: OneAdapter) -> dict[str, str]:
    folder = one.hardware.sriov_folder(VF)
    return {name: (folder / name).read_text().strip() for name in ("node", "port", "policy")}


def test_files_get_both_guids_and_the_policy_in_the_drivers_spelling(files: OneAdapter) -> None:
    files.adapter().set_guid(files.pci(VF), VF, GUID)
    files.adapter().program(files.pci(VF), VF, RED, link_up=True)

    guid = "fa:16:3e:00:00:00:00:01"
    assert settings(files) == {"node": guid, "port": guid, "policy": "Follow"}


def test_clearing_takes_the_link_down_before_the_guids(files: OneAdapter) -> None:
    files.adapter().program(files.pci(VF), VF, RED, link_up=True)
    files.sysfs.writes.clear()

    files.adapter().clear(files.pci(VF), VF)

    assert [path.rpartition("/")[2] for path in files.sysfs.writes] == ["policy", "node", "port"]
    assert settings(files)["port"] == "ff:ff:ff:ff:ff:ff:ff:ff"


def test_netlink_sets_both_guids_and_the_policy(netlink: OneAdapter) -> None:
    netlink.adapter().set_guid(netlink.pci(VF), VF, GUID)
    netlink.adapter().program(netlink.pci(VF), VF, RED, link_up=True)

    vport = netlink.driver.vports[VF]
    assert (vport.node_guid, vport.port_guid, vport.link) == (GUID.value, GUID.value, 0)

    netlink.adapter().clear(netlink.pci(VF), VF)
    assert (vport.node_guid, vport.port_guid, vport.link) == (INVALID, INVALID, 2)


def test_a_function_that_was_never_set_has_no_guid(netlink: OneAdapter) -> None:
    assert netlink.driver.vports[VF].port_guid == UNSET
    assert netlink.adapter().read_vf(netlink.pci(VF), VF).guid is None


def test_a_node_guid_that_is_missing_is_set(netlink: OneAdapter) -> None:
    netlink.driver.vports[VF].port_guid = GUID.value

    assert netlink.adapter().read_vf(netlink.pci(VF), VF).guid is None
    assert netlink.adapter().set_guid(netlink.pci(VF), VF, GUID) == 2
    assert netlink.driver.vports[VF].node_guid == GUID.value


def test_writes_that_the_driver_ignores_are_errors(netlink: OneAdapter) -> None:
    netlink.driver.ignores_writes = True

    with pytest.raises(IbstackError, match="kept its value"):
        netlink.adapter().set_guid(netlink.pci(VF), VF, GUID)
    with pytest.raises(IbstackError, match="kept its value"):
        netlink.adapter().program(netlink.pci(VF), VF, RED, link_up=True)


def test_a_function_that_the_host_drives_is_started_anew_before_its_link_comes_up(
    files: OneAdapter,
) -> None:
    files.hardware.bind(VF, "mlx5_core")

    files.adapter().program(files.pci(VF), VF, RED, link_up=True)

    names = [path.rpartition("/")[2] for path in files.sysfs.writes]
    assert names == ["unbind", "bind", "policy"]
    bound = files.hardware.root / "bus/pci/drivers/mlx5_core/bind"
    assert bound.read_text() == f"{files.pci(VF)}\n"


@pytest.mark.parametrize("driver", ["vfio-pci", None])
def test_a_function_that_a_guest_may_have_is_not_started_anew(
    files: OneAdapter, driver: str | None
) -> None:
    files.hardware.bind(VF, driver)

    assert files.adapter().program(files.pci(VF), VF, RED, link_up=True) == 1


@pytest.mark.parametrize(("policy", "link"), [("Up", Link.UP), ("Follow", Link.AUTO), ("?", None)])
def test_a_policy_that_somebody_else_set_is_shown(
    files: OneAdapter, policy: str, link: Link | None
) -> None:
    (files.hardware.sriov_folder(VF) / "policy").write_text(policy + "\n")

    assert files.adapter().read_vf(files.pci(VF), VF).link is link


def test_the_kernels_own_way_is_chosen_where_there_are_no_files(netlink: OneAdapter) -> None:
    from ibstack.host.adapters import mlx5
    from ibstack.host.adapters.physical_function import find

    ways = mlx5.connect(netlink.sysfs, find(netlink.sysfs, "ib0"))

    assert isinstance(ways, mlx5.NetlinkVports)
