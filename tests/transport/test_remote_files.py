# SPDX-License-Identifier: Apache-2.0
"""What the files of this machine itself are to a rollout: its / is no folder like another."""

import grp
import os
from pathlib import Path

import pytest

from ibstack.transport import remote_files


def test_a_group_of_this_machine_is_known_however_it_is_kept() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: nobody else gives files away")
    tty = grp.getgrnam("tty").gr_gid

    assert remote_files.group_number("/", "tty") == tty
    assert remote_files.group_number("/", "no-such-group") == -1


@pytest.mark.parametrize("text", ["", "tty", "tty:x:five:", "tty:x", "\xff\n", "TTY:x:5:"])
def test_a_group_file_that_does_not_tell_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/group").write_bytes(text.encode("latin-1"))

    assert remote_files.group_number(str(tmp_path), "tty") == -1


def test_a_linked_folder_is_one_where_the_root_is_this_machines(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to("real")
    (tmp_path / "real/file").write_text("x")

    with pytest.raises(remote_files.Refusal, match="symbolic link to real; mount it there"):
        remote_files.place("/", f"{tmp_path}/linked/file")
    assert remote_files.read("/", f"{tmp_path}/linked/file", linked=True) == b"x"
    assert remote_files.place("/", f"{tmp_path}/real/file") == f"{tmp_path}/real/file"
