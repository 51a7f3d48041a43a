# SPDX-License-Identifier: Apache-2.0
"""What is written down of nova's calls is what it said, and what came of it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from ibstack_lab.cloud import Cloud
from ibstack_lab.hosts import ebrctl_calls

if TYPE_CHECKING:
    from pathlib import Path


def test_each_call_of_ebrctl_is_written_down(tmp_path: Path) -> None:
    lab = Cloud(tmp_path / "lab").lab
    lab.logs.mkdir(parents=True)
    assert ebrctl_calls.calls(lab, "node002") == []

    ebrctl_calls.note(lab, "node002", ("del-port", "ibhostnet", "fa:16:3e:00:00:01"), 0, "")
    ebrctl_calls.note(lab, "node002", ("add-port", "x"), 2, "ebrctl: cannot\ndo that -> no")

    assert ebrctl_calls.calls(lab, "node002") == [
        ebrctl_calls.EbrctlCall(("del-port", "ibhostnet", "fa:16:3e:00:00:01"), 0),
        ebrctl_calls.EbrctlCall(("add-port", "x"), 2),
    ]


def test_novas_ebrctl_is_the_real_one_with_its_words_exit_code_and_complaint(
    tmp_path: Path,
) -> None:
    lab = Cloud(tmp_path / "lab").lab
    lab.logs.mkdir(parents=True)

    program = str(ebrctl_calls.program(lab, "node002"))
    done = subprocess.run(
        [program, "add-port", "two words"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("ebrctl: ")
    assert ebrctl_calls.calls(lab, "node002") == [
        ebrctl_calls.EbrctlCall(("add-port", "two", "words"), 2)
    ]
