# SPDX-License-Identifier: Apache-2.0
"""The article's two lines of pdsh, typed into bash as printed, on the genders of the cluster.

pdsh and genders are real.  In place of ssh stands a program that runs what it is given here, and
yum and Mellanox's installer, which are no more, say with what they were called.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from cluster.replay.article_commands import steps

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.replay.replayed import Replay

REMOVE, INSTALL = 13, 15
OFED = "ofed/MLNX_OFED_LINUX-2.3-1.0.1-rhel6.5-x86_64"
LOG = "mlnx-firmware-upgrade.log"
# pdsh ends the arguments with the host and one word that is the command.
_SSH = 'for word; do :; done\nexec sh -c "$word"\n'
_YUM = 'echo "yum $*"\n'
_INSTALLER = 'read -r answer\necho "$0 $* and is told $answer"\n'


@pytest.fixture
def bash(replayed: Replay, tmp_path: Path) -> BashWithPdsh:
    programs = {"bin/ssh": _SSH, "bin/yum": _YUM, f"{OFED}/mlnxofedinstall": _INSTALLER}
    for path, text in programs.items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"#!/bin/sh\n{text}")
        place.chmod(0o755)
    return BashWithPdsh(replayed.cluster.root("headnode") / "etc/genders", tmp_path)


class BashWithPdsh:
    """bash on the head node, with *folder* in place of /cm/shared and /tmp."""

    def __init__(self, genders: Path, folder: Path) -> None:
        self._genders = genders
        self.folder = folder

    def type(self, number: int) -> list[str]:
        """Type the article's line, and return what it prints, in order."""
        line = next(each.command for each in steps() if each.number == number)
        line = line.replace("/tmp/", f"{self.folder}/").replace("/cm/shared", str(self.folder))
        pdsh = f'pdsh() {{ command pdsh -F {self._genders} "$@"; }}\n'
        done = subprocess.run(
            ["bash", "-c", pdsh + line],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
                "PDSH_RCMD_TYPE": "ssh",
            },
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return sorted(done.stdout.splitlines())


def test_a_package_is_removed_on_the_nodes_of_the_category_alone(bash: BashWithPdsh) -> None:
    assert bash.type(REMOVE) == [
        f"{node}: yum remove -y cm-config-intelcompliance-slave" for node in ("node002", "node003")
    ]


def test_the_installer_is_answered_on_each_and_all_of_it_is_in_the_log(
    bash: BashWithPdsh,
) -> None:
    (bash.folder / LOG).write_text("before\n")
    said = bash.type(INSTALL)

    assert said == [
        f"{node}: ./mlnxofedinstall --enable-sriov and is told y" for node in ("node002", "node003")
    ]
    before, *logged = (bash.folder / LOG).read_text().splitlines()
    assert (before, sorted(logged)) == ("before", said)
