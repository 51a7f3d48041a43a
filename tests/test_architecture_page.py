# SPDX-License-Identifier: Apache-2.0
"""docs/architecture.md shows the house as it is: its drawing, and every file that it names."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
SOURCES = [path.as_posix() for path in (ROOT / "src" / "ibstack").rglob("*.py")]


def test_the_drawing_and_the_rooms_are_those_of_the_imports() -> None:
    command = [sys.executable, str(ROOT / "tools" / "map.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr


def test_every_file_that_a_flow_names_is_there() -> None:
    named = re.findall(r"`([a-z_/]+\.py)[^`]*`", PAGE.read_text("utf-8"))
    missing = [name for name in named if not any(path.endswith("/" + name) for path in SOURCES)]

    assert len(named) > 30
    assert missing == []
