# SPDX-License-Identifier: Apache-2.0
"""How long the demo takes with everything installed: `python -m bench.demo [ROUNDS]`.

Prints one line of JSON.  A demo of which a statement is not true ends the measurement.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

_ROUNDS: Final = 3
_LIMIT_S: Final = 60
_IBSTACK: Final = str(Path(sys.executable).with_name("ibstack"))


def measure() -> float:
    """Return the seconds of one demo."""
    began = time.monotonic()
    done = subprocess.run((_IBSTACK, "lab", "demo"), capture_output=True, text=True)
    took = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"cannot measure: the demo ended with {done.returncode}:\n{done.stdout}")
    return took


def main(rounds: int = _ROUNDS) -> None:
    took = [round(measure(), 1) for _ in range(rounds)]
    figure = {"median": statistics.median(took), "worst": max(took), "n": rounds}
    row = {"what": "`make demo`, installed", "unit": "s", "limit": _LIMIT_S, "ibstack": figure}
    print(json.dumps({"rows": [row], "seconds": took}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
