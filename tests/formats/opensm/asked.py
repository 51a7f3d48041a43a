# SPDX-License-Identifier: Apache-2.0
"""OpenSM itself, asked what it makes of a command line and a file: what it would write of both."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def opensm(folder: Path, words: Sequence[str]) -> Mapping[str, str] | None:
    """Return each option as OpenSM has it; None where it ends at a word of its command line.

    *words* may name files of *folder* in any way that is relative to it.
    """
    if shutil.which("opensm") is None:
        pytest.skip("needs opensm: apt-get install opensm")
    written = folder / "written"
    written.unlink(missing_ok=True)
    argv = ["opensm", "-c", str(written), *words]
    done = subprocess.run(argv, cwd=folder, capture_output=True, timeout=20, check=False)
    if not written.exists():
        assert done.returncode, f"{argv} wrote nothing"
        return None
    text = written.read_bytes().decode(errors="surrogateescape")
    return dict(re.findall(r"^(\w+) (.*)$", text, re.M))
