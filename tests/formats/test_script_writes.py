# SPDX-License-Identifier: Apache-2.0
"""What scripts write to sriov_numvfs, and what they only read."""

from __future__ import annotations

import pytest

from ibstack.formats.script_writes import of_script
from ibstack.formats.vf_request import SOMETHING, at_address, of_device, of_interface

NET = "/sys/class/net/ib0/device/sriov_numvfs"
PCI = "/sys/bus/pci/devices/0000:05:00.0/sriov_numvfs"


@pytest.mark.parametrize(
    ("line", "count", "target"),
    [
        (f"echo 8 > {NET}", 8, of_interface("ib0")),
        (f"echo 8 >{PCI}", 8, at_address("0000:05:00.0")),
        (f"echo -n '8' >> \"{NET}\"", 8, of_interface("ib0")),
        (f"printf '%s\\n' 8 > {NET}", 8, of_interface("ib0")),
        (f"printf 8 > {NET}", 8, of_interface("ib0")),
        (f"echo 8 | sudo tee {NET}", 8, of_interface("ib0")),
        (f"echo 8 | tee -a {NET} > /dev/null", 8, of_interface("ib0")),
        (f"tee {NET} <<< 8", 8, of_interface("ib0")),
        (f"[ -e {NET} ] && echo 8 > {NET}", 8, of_interface("ib0")),
        ("echo 8 > /sys/class/infiniband/mlx5_0/device/sriov_numvfs", 8, of_device("mlx5_0")),
        ("echo 8 > /sys/class/infiniband/mlx5_0/device/mlx5_num_vfs", 8, of_device("mlx5_0")),
        (
            "echo 8 > /sys/devices/pci0000:00/0000:00:01.0/0000:05:00.0/sriov_numvfs",
            8,
            at_address("0000:05:00.0"),
        ),
        ("N=8\nIF=ib0\necho $N > /sys/class/net/${IF}/device/sriov_numvfs", 8, of_interface("ib0")),
        ("for i in a b; do echo 8 > /sys/class/net/$i/device/sriov_numvfs; done", 8, SOMETHING),
        (f"echo $(cat /etc/vfs) > {NET}", None, of_interface("ib0")),
        (f"cat /sys/x/sriov_totalvfs > {NET}", None, of_interface("ib0")),
        (f"echo 8 \\\n > {NET}", 8, of_interface("ib0")),
    ],
)
def test_a_write_tells_how_many_and_of_which_adapter(
    line: str, count: int | None, target: object
) -> None:
    assert [(each.count, each.target) for each in of_script(f"{line}\n")] == [(count, target)]


@pytest.mark.parametrize(
    "line",
    [
        f"cat {NET}",
        f"# echo 8 > {NET}",
        f"  # echo 8 > {NET}",
        f'if [ "$(cat {NET})" -eq 0 ]; then exit; fi',
        f"cat {NET} > /tmp/count",
        "echo 8 > /sys/class/net/ib0/device/sriov_totalvfs",
    ],
)
def test_what_reads_or_is_a_comment_writes_nothing(line: str) -> None:
    assert list(of_script(f"{line}\n")) == []


def test_the_line_is_told() -> None:
    assert [each.line for each in of_script(f"#!/bin/sh\n\necho 1 > {NET}\n")] == [3]
