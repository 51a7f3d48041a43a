# SPDX-License-Identifier: Apache-2.0
"""The tests of `make check` can be imported into one process, which no other run of ours does."""

import subprocess
import sys
from pathlib import Path


def test_the_quick_tests_are_collected_without_an_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not real", "--collect-only", "tests"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
