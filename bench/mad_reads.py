# SPDX-License-Identifier: Apache-2.0
"""How fast P_Key tables are read: `python -m bench.mad_reads [HOSTS]`, on a private ibsim.

Prints one line of JSON: how long a walk of the fabric takes, and an audit (the whole table of every
host, each port asked who it is too; the median), and what that is a second.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ibstack.fabric.guid import Guid
from ibstack.mad import NodeType, open_port
from ibstack.mad.datagrams import ENTRIES_OF_A_BLOCK
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.topology import Host, Topology

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDS = 5
_REACH_S = 0.15
"""Asked of 1000 ports."""


def main() -> None:
    if "SIM_HOST" in os.environ:
        print(json.dumps(measure()))
        return
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        fabric = Fabric.of_lab(Path(folder), topology(hosts))
        try:
            fabric.start()
            fabric.start_subnet_manager("h0000")
            child = subprocess.run(
                [sys.executable, __file__],
                env={**os.environ, **fabric.client_env("h0000")},
                cwd=fabric.client_cwd("h0000"),
            )
        finally:
            fabric.stop()
    sys.exit(child.returncode)


def topology(hosts: int) -> Topology:
    """Return *hosts* hosts, the first of which runs the subnet manager."""
    return Topology(
        tuple(
            Host(
                f"h{n:04d}",
                Guid(0x0002C90300000000 + 0x10 * (n + 1)),
                subnet_manager_priority=10 if n == 0 else None,
            )
            for n in range(hosts)
        )
    )


def measure() -> dict[str, Any]:
    with open_port() as local:
        started = time.perf_counter()
        found = local.discover()
        walk_s = time.perf_counter() - started
        hosts = [p for p in found.ports.values() if p.node_type is NodeType.CHANNEL_ADAPTER]
        took = [timed(lambda: local.pkey_tables(hosts)) for _ in range(_ROUNDS)]
        tables = local.pkey_tables(hosts)
    assert all(isinstance(table, tuple) for table in tables.values())
    audit_s = statistics.median(took)
    blocks = sum(-(-port.partition_cap // ENTRIES_OF_A_BLOCK) for port in hosts)
    return {
        "hosts": len(hosts),
        "problems": len(found.problems),
        "walk_s": round(walk_s, 3),
        "audit_s": round(audit_s, 3),
        "whole_tables_per_s": round(len(hosts) / audit_s),
        "datagrams_per_s": round((blocks + len(hosts)) / audit_s),
        "rows": [
            {
                "what": f"audit of {len(hosts)} ports' tables",
                "unit": "s",
                "limit": _REACH_S,
                "ibstack": {
                    "median": round(audit_s, 3),
                    "worst": round(max(took), 3),
                    "n": _ROUNDS,
                },
            }
        ],
    }


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
