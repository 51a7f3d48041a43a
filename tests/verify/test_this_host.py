# SPDX-License-Identifier: Apache-2.0
"""Reading a machine: its files below a root, and real commands that work, fail or are missing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ibstack.verify.evidence import CMDLINE, DMESG, ESWITCHD_CONF, IBSTAT, LSPCI, PIP_FREEZE, Unread
from ibstack.verify.this_host import read_host

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_read_and_what_there_is_not_is_known_to_be_absent(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / CMDLINE).write_text("ro quiet\n")

    host = read_host(tmp_path, "node002", commands={})

    assert host.host == "node002"
    assert host.text(CMDLINE) == "ro quiet\n"
    assert host.text(ESWITCHD_CONF) == Unread("there is no such file", absent=True)
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
    assert host.text(DMESG) == Unread(f"{sys.executable}: not permitted")
    assert host.text(IBSTAT) == Unread("no-such-program cannot be run: No such file or directory")
