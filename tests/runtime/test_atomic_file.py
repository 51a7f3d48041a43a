# SPDX-License-Identifier: Apache-2.0
"""A file is replaced whole or not at all, and one process at a time holds a lock."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ibstack.runtime.atomic_file import SCRATCH, replace_file
from ibstack.runtime.file_lock import locked, try_lock

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_file_is_for_all_to_read_and_one_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "f"
    replace_file(file, "one\n")
    assert (file.read_text(), file.stat().st_mode & 0o7777) == ("one\n", 0o644)

    file.chmod(0o640)
    replace_file(file, b"two\n")
    assert (file.read_text(), file.stat().st_mode & 0o7777) == ("two\n", 0o640)

    replace_file(file, "three\n", mode=0o600)
    assert file.stat().st_mode & 0o7777 == 0o600
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.touch()
    os.chown(file, 1234, 4321)

    replace_file(file, "text")

    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 4321)


def test_a_link_that_somebody_left_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / f".f{SCRATCH}").symlink_to("theirs")

    replace_file(tmp_path / "f", "ours")

    assert ((tmp_path / "f").read_text(), (tmp_path / "theirs").read_text()) == ("ours", "theirs")


def test_where_there_is_no_room_all_is_as_before(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("before")
    small = (
        "import resource, signal, sys\n"
        "from ibstack.runtime.atomic_file import replace_file\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n    replace_file(sys.argv[1], 'x' * 200)\n"
        "except OSError:\n    sys.exit(7)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY

    done = subprocess.run([sys.executable, "-c", small, str(file)], check=False)

    assert done.returncode == 7
    assert file.read_text() == "before"
    assert os.listdir(tmp_path) == ["f"]


def test_who_holds_a_lock_holds_it_alone(tmp_path: Path) -> None:
    held = try_lock(tmp_path / "lock")
    assert held is not None
    assert try_lock(tmp_path / "lock") is None

    os.close(held)
    with locked(tmp_path / "lock"):
        assert try_lock(tmp_path / "lock") is None
    again = try_lock(tmp_path / "lock")
    assert again is not None
    os.close(again)
