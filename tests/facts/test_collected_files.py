# SPDX-License-Identifier: Apache-2.0
"""A collection may come from anybody: links that lead out of it and large files do not count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.cluster.lint.sources import cloud_of
from ibstack.fabric.errors import BadInput
from ibstack.facts.collected_files import content_of, is_collected, names_below
from ibstack.facts.collection import load

if TYPE_CHECKING:
    from pathlib import Path

TOO_LARGE = (4 << 20) + 1


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Return the folder of a host with a file, a large one, links, and a folder of its own."""
    folder = tmp_path / "site" / "node002"
    (folder / "etc/modprobe.d").mkdir(parents=True)
    (folder / "etc/modprobe.d/mlx4.conf").write_text("options mlx4_core num_vfs=4\n")
    (folder / "etc/rc.local").write_text("#!/bin/sh\n")
    (folder / "etc/large").write_bytes(b"x" * TOO_LARGE)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "shadow").write_text("root\n")
    (folder / "etc/shadow").symlink_to(secret / "shadow")
    (folder / "etc/udev").symlink_to(secret)
    (folder / "lib").symlink_to(secret)
    return folder


def test_plain_files_are_named_in_order(host: Path) -> None:
    assert [*names_below(host, "etc")] == ["etc/rc.local", "etc/modprobe.d/mlx4.conf"]
    assert [*names_below(host, "nowhere")] == []


def test_a_folder_that_is_a_link_to_elsewhere_is_not_entered(host: Path) -> None:
    assert [*names_below(host, "lib")] == []


@pytest.mark.parametrize(
    "name",
    ["etc/shadow", "etc/udev/shadow", "etc/large", "etc/none", "x" * 300, "../../secret/shadow"],
)
def test_a_file_that_is_not_the_hosts_own_is_not_collected(host: Path, name: str) -> None:
    assert not is_collected(host, name)
    assert is_collected(host, "etc/rc.local")


def test_a_file_that_cannot_be_read_is_named(host: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot read .*etc: Is a directory"):
        content_of(host / "etc")


def test_lint_and_verify_read_the_same_files(host: Path) -> None:
    verified = {f"/{name}" for name in load(host.parent).hosts["node002"].texts}

    assert {*cloud_of(None, host.parent).hosts[0].files} == verified
