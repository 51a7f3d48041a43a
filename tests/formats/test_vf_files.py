# SPDX-License-Identifier: Apache-2.0
"""Network files that ask for VFs, in the forms that sites have."""

from __future__ import annotations

import pytest

from ibstack.formats.vf_request import SOMETHING, VfRequest, at_address, of_interface
from ibstack.formats.vf_requests import vf_requests


def asked(path: str, text: str) -> list[VfRequest]:
    return list(vf_requests({path: text}))


@pytest.mark.parametrize(
    ("path", "text", "count", "when"),
    [
        ("/etc/netplan/a.yaml", "ib0:\n  virtual-function-count: 8\n", 8, of_interface("ib0")),
        (
            "/etc/netplan/a.yaml",
            "network:\n  ethernets:\n    fast:\n      match:\n        name: ib0\n"
            "      virtual-function-count: 8\n",
            8,
            of_interface("ib0"),
        ),
        (
            "/etc/netplan/a.yaml",
            "a:\n  match:\n    macaddress: aa:bb\n  set-name: ib0\n  virtual-function-count: 8\n",
            8,
            of_interface("ib0"),
        ),
        (
            "/etc/netplan/a.yaml",
            "fast:\n  match:\n    driver: mlx5_core\n  virtual-function-count: 8\n",
            8,
            SOMETHING,
        ),
        ("/etc/netplan/a.yaml", "ib0: {virtual-function-count: 8}\n", None, SOMETHING),
        (
            "/etc/os-net-config/config.yaml",
            "network_config:\n- type: sriov_pf\n  name: ib0\n  numvfs: 8\n  mtu: 2044\n",
            8,
            of_interface("ib0"),
        ),
        (
            "/etc/os-net-config/config.yaml",
            "- type: sriov_pf\n  numvfs: 8\n  name: ib0\n- type: interface\n  name: eno1\n",
            8,
            of_interface("ib0"),
        ),
        (
            "/etc/NetworkManager/system-connections/x.nmconnection",
            "[match]\npath=pci-0000:05:00.0\n[sriov]\ntotal-vfs=8\n",
            8,
            at_address("0000:05:00.0"),
        ),
        (
            "/etc/NetworkManager/system-connections/x.nmconnection",
            "[sriov]\ntotal-vfs=8\n",
            8,
            SOMETHING,
        ),
        (
            "/etc/sysconfig/network-scripts/ifcfg-x",
            'DEVICE="ib0"\nSRIOV_TOTAL_VFS="8"\n',
            8,
            of_interface("ib0"),
        ),
        (
            "/etc/systemd/network/a.link.d/vfs.conf",
            "[Link]\nSR-IOVVirtualFunctions=8\n",
            8,
            SOMETHING,
        ),
        (
            "/etc/systemd/system/x.service",
            "[Service]\nExecStart=/usr/local/bin/make-sriov ib0\n",
            None,
            SOMETHING,
        ),
    ],
)
def test_a_file_tells_how_many_and_of_which_adapter(
    path: str, text: str, count: int | None, when: object
) -> None:
    (found,) = asked(path, text)

    assert (found.file, found.count, found.when) == (path, count, (when,))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/netplan/a.yaml", "# virtual-function-count: 8\nib0:\n  mtu: 2044\n"),
        ("/etc/NetworkManager/system-connections/x.nmconnection", "[ipv4]\nmethod=auto\n"),
        ("/etc/systemd/network/a.link", "[Match]\nOriginalName=*\n# SR-IOVVirtualFunctions=8\n"),
        ("/etc/systemd/network/a.link.bak", "[Link]\nSR-IOVVirtualFunctions=8\n"),
        ("/home/x/vfs.sh", "echo 8 > /sys/class/net/ib0/device/sriov_numvfs\n"),
    ],
)
def test_what_says_nothing_or_is_not_read_asks_nothing(path: str, text: str) -> None:
    assert asked(path, text) == []


def test_a_script_that_first_writes_zero_asks_for_what_it_writes_last() -> None:
    path = "/sys/class/net/ib0/device/sriov_numvfs"

    (found,) = asked("/etc/rc.local", f"echo 0 > {path}\necho 8 > {path}\n")

    assert (found.count, found.line) == (8, 2)


def test_a_unit_and_its_drop_in_are_one_unit() -> None:
    write = "ExecStart=sh -c 'echo 8 > /sys/class/net/ib0/device/sriov_numvfs'\n"
    (unit,) = asked("/etc/systemd/system/vfs.service", write)
    (drop_in,) = asked("/run/systemd/system/vfs.service.d/more.conf", write)

    assert unit.unit == drop_in.unit == "vfs.service"
