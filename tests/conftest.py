# SPDX-License-Identifier: Apache-2.0
"""Which tests are quick and need no root: those that `make check` runs.  The rest are `real`.

And what hypothesis may take.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent

# How long examples take tells of the machine; what hangs is ended by the limit of its test.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# Whole daemons, servers or commands as processes, root's privileges, or Neutron itself.
REAL = (
    "cluster/rollout",
    "cluster/replay",
    "cluster/shell/test_program.py",
    "cluster/shell/test_terminal.py",
    "e2e",
    "faults/test_failover.py",
    "faults/test_walk.py",
    "faults/test_wires.py",
    "host/test_ebrctl.py",
    "host/test_eswitch_behind_socket.py",
    "host/test_eswitchd.py",
    "host/test_host_show.py",
    "host/test_metrics.py",
    "interface_driver",
    "lab/test_process.py",
    "lab/test_startup.py",
    "neutron/with_neutron",
    "nova",
    "real",
    "test_quick_tests.py",
    "transport/test_commands.py",
    "transport/test_hostile_host.py",
    "transport/test_ssh_trouble.py",
    "transport/test_transport_contract.py",
)

if gone := [place for place in REAL if not (TESTS / place).exists()]:
    raise pytest.UsageError(f"REAL names what is not there any more: {', '.join(gone)}")


def is_real(path: Path) -> bool:
    return any(path.is_relative_to(TESTS / place) for place in REAL)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what `make check` leaves out: some of it cannot share a process."""
    return True if config.option.markexpr == "not real" and is_real(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_real(item.path):
            item.add_marker(pytest.mark.real)
