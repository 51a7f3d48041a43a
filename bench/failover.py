# SPDX-License-Identifier: Apache-2.0
"""How long a failover takes with many ports bound: `python -m bench.failover [PORTS [ROUNDS]]`.

Two real OpenSMs on ibsim, a fabricd beside each.  The master's OpenSM and fabricd are killed.
Prints one line of JSON: seconds from the kill to OpenSM's takeover, and from there until the
standby's fabricd has acknowledged every port; how often all tables were read until its first
audit was done, and how many had changed, which ends the measurement where it is not 0.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from faults.failover import Bound, Sampler

_PORTS, _ROUNDS = 1000, 3
_LIMIT_S: Final = 5
"""Asked of the acknowledgement, from OpenSM's takeover on."""


def measure(ports: int) -> dict[str, float | int]:
    with (
        tempfile.TemporaryDirectory(prefix="ibstack-") as folder,
        Bound(Path(folder), ports).running() as bound,
        Sampler(bound) as sampler,
    ):
        began = time.monotonic()
        bound.kill_the_master()
        bound.wait_for_the_takeover()
        taken_over = time.monotonic()
        bound.standby.until(lambda: bound.standby.in_force() == bound.ports, 60)
        acknowledged = time.monotonic()
        bound.wait_for_the_audit()  # Whose repairs would be changes, too.
    return {
        "takeover_s": round(taken_over - began, 2),
        "acknowledged_s": round(acknowledged - taken_over, 2),
        "readings": len(sampler.readings),
        "changes": len(sampler.changes),
    }


def main() -> None:
    ports = int(sys.argv[1]) if len(sys.argv) > 1 else _PORTS
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else _ROUNDS
    found = [measure(ports) for _ in range(rounds)]
    if any(each["changes"] for each in found):
        raise SystemExit(f"cannot measure: tables changed during a failover: {found}")
    lines = [
        _row(f"failover, {ports:,} ports: kill → OpenSM's takeover", found, "takeover_s", None),
        _row(f"failover, {ports:,} ports: takeover → proved", found, "acknowledged_s", _LIMIT_S),
    ]
    print(json.dumps({"ports": ports, "rows": lines, "rounds": found}))


def _row(
    what: str, found: list[dict[str, float | int]], key: str, limit: float | None
) -> dict[str, Any]:
    took = [each[key] for each in found]
    figure = {"median": statistics.median(took), "worst": max(took), "n": len(took)}
    return {"what": what, "unit": "s", "limit": limit, "ibstack": figure}


if __name__ == "__main__":
    main()
