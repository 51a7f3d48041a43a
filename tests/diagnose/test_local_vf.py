# SPDX-License-Identifier: Apache-2.0
"""What a host shows of a VF: its GUIDs wherever the kernel keeps them, what its log says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from ibstack.diagnose.kernel_log import was_declined
from ibstack.diagnose.vf_guids import VfGuids, read_alias, read_guids
from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import PciAddress
from ibstack.host.adapters.netlink import NetlinkFailed, VfInfo
from ibstack.host.client.observed import ObservedAdapter, ObservedVf
from ibstack.runtime.sysfs import Sysfs

if TYPE_CHECKING:
    from pathlib import Path

PF, VF = PciAddress.parse("0000:05:00.0"), PciAddress.parse("0000:05:00.4")
SEEN = ObservedVf(VF, 3, guid=None, entry=None, index=None, link=None)
ADAPTER = ObservedAdapter(
    physical_network="ibhostnet",
    interface="ib0",
    device="mlx5_0",
    port=1,
    kind=AdapterKind.MLX5,
    pci=PF,
    port_guid=Guid.parse("0x0002c90300000031"),
    port_state="active",
    vfs=(SEEN,),
)
MLX4 = replace(ADAPTER, kind=AdapterKind.MLX4, device="mlx4_0")
ALL_ONES: Final = (1 << 64) - 1


def silent(_index: int) -> dict[int, VfInfo]:
    raise AssertionError("files are there: netlink is not asked")


def put(sysfs: Path, path: str, text: str) -> Path:
    file = sysfs / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")
    return file


@pytest.mark.parametrize(("node", "port"), [(0, 0), (0, 7), (ALL_ONES, ALL_ONES), (None, None)])
def test_the_mainline_kernel_is_asked_by_netlink(
    tmp_path: Path, node: int | None, port: int | None
) -> None:
    put(tmp_path, "class/net/ib0/ifindex", "12")
    asked: list[int] = []

    def netlink(index: int) -> dict[int, VfInfo]:
        asked.append(index)
        return {2: VfInfo(2, 1, 1), 3: VfInfo(3, node, port)}

    found = read_guids(Sysfs(tmp_path), netlink, ADAPTER, SEEN)

    assert found == VfGuids("netlink, VF 3 of ib0", port, node)
    assert asked == [12]


def test_a_driver_that_refuses_leaves_the_guid_unknown_and_says_why(tmp_path: Path) -> None:
    put(tmp_path, "class/net/ib0/ifindex", "12")

    def netlink(_index: int) -> dict[int, VfInfo]:
        raise NetlinkFailed("read the VFs of interface 12", 19)

    found = read_guids(Sysfs(tmp_path), netlink, ADAPTER, SEEN)

    assert found.port is None
    assert found.source == (
        "netlink, VF 3 of ib0: cannot read the VFs of interface 12: No such device"
    )


def test_files_of_mlnx_ofed_come_first(tmp_path: Path) -> None:
    folder = "class/infiniband/mlx5_0/device/sriov/3"
    port = put(tmp_path, f"{folder}/port", "00:00:00:00:00:00:00:00")
    put(tmp_path, f"{folder}/node", "ff:ff:ff:ff:ff:ff:ff:ff")

    assert read_guids(Sysfs(tmp_path), silent, ADAPTER, SEEN) == VfGuids(str(port), 0, ALL_ONES)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("ffffffffffffffff", ALL_ONES), ("x", None)])
def test_mlx4_keeps_what_the_host_wants(tmp_path: Path, text: str, value: int | None) -> None:
    path = put(tmp_path, "class/infiniband/mlx4_0/iov/ports/1/admin_guids/4", text)

    assert read_guids(Sysfs(tmp_path), silent, MLX4, SEEN) == VfGuids(str(path), value)


def test_mlx4_shows_what_subnet_administration_accepted(tmp_path: Path) -> None:
    assert read_alias(Sysfs(tmp_path), MLX4, SEEN) is None
    path = "class/infiniband/mlx4_0/iov/ports/1/gids/4"
    put(tmp_path, path, "fe80:0000:0000:0000:fa16:3e00:0000:0001")
    assert read_alias(Sysfs(tmp_path), MLX4, SEEN) == 0xFA163E0000000001
    put(tmp_path, path, "fe80:0000:0000:0000:0000:0000:0000:0000")
    assert read_alias(Sysfs(tmp_path), MLX4, SEEN) == 0


DECLINE: Final = (
    "4,339,5140900,-;mlx4_core 0000:05:00.0: mlx4_ib: aliasguid_query_handler:Record num 4 in "
    " block_num: 1 was declined by SM\n"
)
OLDER: Final = (
    "4,339,5140900,-;mlx4_core 0000:05:00.0: aliasguid_query_handler:Record num 4 in block_num: 1"
    " was declined by SM,ownership by 1 (0 = driver, 1=sysAdmin, 2=None)\n"
)


@pytest.mark.parametrize("line", [DECLINE, OLDER])
def test_a_decline_is_of_one_slave_of_one_adapter(tmp_path: Path, line: str) -> None:
    log = tmp_path / "kmsg"
    log.write_text(f"6,1,0,-;Linux version\n{line}6,2,0,-;more\n")

    assert was_declined(log, PF, 12) is True
    assert was_declined(log, PF, 4) is False
    assert was_declined(log, PciAddress.parse("0000:06:00.0"), 12) is False


def test_a_log_that_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    assert was_declined(tmp_path / "kmsg", PF, 12) is None
