# SPDX-License-Identifier: Apache-2.0
"""Attributes of the real sysfs, and of a tree of plain files that stands for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ibstack.runtime.sysfs import NotThereYet, Sysfs, SysfsFailed

if TYPE_CHECKING:
    from pathlib import Path

ALIAS = "class/net/lo/ifalias"


@pytest.mark.skipif(
    not os.access(f"/sys/{ALIAS}", os.W_OK), reason="only root, outside a sandbox, may write sysfs"
)
def test_the_kernel_takes_our_writes() -> None:
    sysfs = Sysfs()
    before = sysfs.read(ALIAS)
    try:
        for text in ("a longer value", "short"):
            sysfs.write(text, ALIAS)
            assert sysfs.read(ALIAS) == text
    finally:
        sysfs.write(before, ALIAS)


def test_the_kernels_no_is_told_with_its_reason() -> None:
    with pytest.raises(SysfsFailed, match=r"cannot write 1 to /sys/class/net/lo/ifindex: "):
        Sysfs().write("1", "class/net/lo/ifindex")
    with pytest.raises(SysfsFailed, match="No such file"):
        Sysfs().read("class/net/lo/nothing")


def test_a_shorter_value_replaces_a_longer_one_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a longer value\n")
    Sysfs(tmp_path).write("short", "a")

    assert (tmp_path / "a").read_text() == "short\n"


def test_a_write_that_was_cut_short_counts(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("short\nr value\n")

    assert Sysfs(tmp_path).read("a") == "short"


def test_a_write_makes_no_attribute(tmp_path: Path) -> None:
    with pytest.raises(SysfsFailed):
        Sysfs(tmp_path).write("1", "a")
    assert not (tmp_path / "a").exists()


def test_what_is_no_number_is_an_error_and_what_is_nothing_may_come(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("zz\n")
    (tmp_path / "b").write_text("")
    (tmp_path / "c").write_bytes(b"\xff\n")

    with pytest.raises(SysfsFailed, match="'zz' is no number"):
        Sysfs(tmp_path).read_number("a")
    with pytest.raises(NotThereYet):
        Sysfs(tmp_path).read_number("b")
    with pytest.raises(SysfsFailed, match="not ASCII"):
        Sysfs(tmp_path).read("c")


def test_links_and_folders_that_are_not_there_are_nothing(tmp_path: Path) -> None:
    sysfs = Sysfs(tmp_path)
    (tmp_path / "loose").symlink_to("nowhere/at-all")

    assert sysfs.names("nothing") == []
    assert sysfs.target("nothing") is None
    assert sysfs.target("loose") == "at-all"
    assert sysfs.resolved("loose") is None
