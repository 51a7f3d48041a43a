# SPDX-License-Identifier: Apache-2.0
"""The index of docs/decisions says what the pages say."""

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[1] / "tools" / "decisions"


def test_the_index_of_decisions_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, TOOL, "--check"], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
