# SPDX-License-Identifier: Apache-2.0
"""The states of 10,000 hosts that are folders: `python -m bench.reach [HOSTS] [ROUNDS]`.

Prints one line of JSON: the median and the worst time of `device status` without its printing, in
seconds.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ibstack.cluster.rollout.host_controller import HostController
from ibstack.cluster.rollout.settings import Settings
from ibstack.cluster.rollout.tree import TreeHosts
from ibstack.cluster.store.store import open_store
from ibstack.transport.host_state import UP

_HOSTS: Final = 10_000
_ROUNDS: Final = 5
_SERVICES: Final = 12


def main(hosts: int = _HOSTS, rounds: int = _ROUNDS) -> None:
    """Measure, and print what was found."""
    names = [f"node{number:05}" for number in range(1, hosts + 1)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make(folder / "hosts", names)
        store = open_store(f"sqlite:///{folder / 'cluster.db'}")
        tree = TreeHosts(folder / "hosts", lambda: datetime.now(UTC))
        reach = HostController(store, tree, Settings(), lambda: datetime.now(UTC))
        took = []
        for _ in range(rounds):
            begun = time.perf_counter()
            found = reach.status(names)
            took.append(time.perf_counter() - begun)
            assert all(each.state == UP for each in found.values())
            assert len(found) == hosts
    figure = {
        "median": round(statistics.median(took), 3),
        "worst": round(max(took), 3),
        "n": rounds,
    }
    row = {"what": f"states of {hosts:,} hosts that are folders", "unit": "s", "ibstack": figure}
    print(json.dumps({"rows": [row]}))


def _make(folder: Path, names: list[str]) -> None:
    """Make hosts that are UP with services; every second one has to be restarted."""
    record = {"state": UP, "services": {f"service{number}": UP for number in range(_SERVICES)}}
    text = json.dumps(record, indent=1)
    for number, name in enumerate(names):
        run = folder / name / "root" / "run" / "ibstack"
        run.mkdir(parents=True)
        (folder / name / "state.json").write_text(text)
        if number % 2:
            (run / "restart-required").write_text("kernel parameters\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
