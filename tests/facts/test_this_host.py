# SPDX-License-Identifier: Apache-2.0
"""Reading a machine: its files below a root, and real commands that work, fail or are missing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ibstack.facts.collection import load, save
from ibstack.facts.evidence import CMDLINE, DMESG, ESWITCHD_CONF, IBSTAT, LSPCI, PIP_FREEZE, Missing
from ibstack.facts.site import Site
from ibstack.facts.this_host import read_host

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_read_and_what_there_is_not_is_known_to_be_absent(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / CMDLINE).write_text("ro quiet\n")

    host = read_host(tmp_path, "node002", commands={})

    assert host.host == "node002"
    assert host.text(CMDLINE) == "ro quiet\n"
    assert host.text(ESWITCHD_CONF) == Missing("there is no such file", absent=True)
    assert "ibstack==" in str(host.text(PIP_FREEZE))


def test_a_folder_that_is_there_was_collected_whole(tmp_path: Path) -> None:
    (tmp_path / "etc/modprobe.d").mkdir(parents=True)
    (tmp_path / "etc/modprobe.d/mlx4.conf").write_text("options mlx4_core num_vfs=4\n")
    (tmp_path / "etc/modprobe.d/mlx4.bak").write_text("options mlx4_core num_vfs=9\n")

    host = read_host(tmp_path, commands={})

    assert list(host.matching("etc/modprobe.d/*")) == ["etc/modprobe.d/mlx4.conf"]
    assert host.folders == {"etc/modprobe.d"}


def test_a_command_that_cannot_say_is_not_known_and_says_why(tmp_path: Path) -> None:
    fails = (sys.executable, "-c", "import sys; sys.exit('not permitted')")

    host = read_host(
        tmp_path,
        commands={LSPCI: ("echo", "05:00.0"), DMESG: fails, IBSTAT: ("no-such-program",)},
    )

    assert host.text(LSPCI) == "05:00.0\n"
    assert host.text(DMESG) == Missing(f"{sys.executable}: not permitted")
    assert host.text(IBSTAT) == Missing("no-such-program cannot be run: No such file or directory")


def test_of_many_files_those_that_say_anything_of_vfs_are_read(tmp_path: Path) -> None:
    asks = {
        "etc/systemd/system/sriov.service": "ExecStart=sh -c 'echo 8 > /x/sriov_numvfs'\n",
        "usr/lib/systemd/network/10-ib.link": "[Link]\nSR-IOVVirtualFunctions=8\n",
        "etc/netplan/50.yaml": "virtual-function-count: 8\n",
        "etc/NetworkManager/system-connections/ib0.nmconnection": "[sriov]\ntotal-vfs=8\n",
        "etc/rc.local": "echo 8 > /sys/class/net/ib0/device/sriov_numvfs\n",
        "etc/sysconfig/network-scripts/ifcfg-ib0": "SRIOV_TOTAL_VFS=8\n",
        "usr/lib/udev/rules.d/90-vfs.rules": 'ATTR{sriov_numvfs}="8"\n',
    }
    others = {
        "etc/NetworkManager/system-connections/wlan.nmconnection": "[wifi-security]\npsk=secret\n",
        "usr/lib/systemd/system/sshd.service": "ExecStart=/usr/sbin/sshd\n",
    }
    options = {
        "lib/modprobe.d/a.conf": "options mlx4_core num_vfs=8\n",
        "run/modprobe.d/b.conf": "# nothing\n",
    }
    for name, text in {**asks, **others, **options}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    host = read_host(tmp_path, "node002", commands={})

    assert {name for name in host.texts if host.has(name)} >= asks.keys() | options.keys()
    assert host.texts.keys().isdisjoint(others)
    save(Site({"node002": host}), tmp_path / "kept")
    again = load(tmp_path / "kept").hosts["node002"]
    assert all(again.text(name) == text for name, text in {**asks, **options}.items())
