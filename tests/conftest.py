# SPDX-License-Identifier: Apache-2.0
"""Which tests are quick and need no root: those that `make check` runs.  The rest are `real`."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent

# Whole daemons, servers or commands as processes, root's privileges, or Neutron itself.
REAL = (
    "cli",
    "cluster/hosts",
    "cluster/replay",
    "cluster/shell/test_program.py",
    "cluster/shell/test_terminal.py",
    "e2e",
    "faults/test_failover.py",
    "faults/test_walk.py",
    "faults/test_wires.py",
    "host/test_ebrctl.py",
    "host/test_eswitchd.py",
    "host/test_host_show.py",
    "host/test_metrics.py",
    "interface_driver",
    "lab/test_process.py",
    "lab/test_startup.py",
    "neutron",
    "nova",
    "real",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.path.is_relative_to(TESTS / place) for place in REAL):
            item.add_marker(pytest.mark.real)
