# SPDX-License-Identifier: Apache-2.0
"""networking-mlnx is swapped for ibstack under bound ports, and no port goes down."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bench.nova import PARTITION
from bench.peer.services import PROGRAMS

from ibstack.fabric.guid import Guid

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[2]
_PROGRAM = Path(__file__).with_name("swap.py")
_TIMEOUT_S = 280
KEEPS = "keeps working"

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (PROGRAMS / "eswitchd").exists(), reason="run `tools/setup test`: no .venv-peer"
    ),
]


@pytest.fixture(scope="module")
def seen() -> Iterator[dict[str, Any]]:
    # A short path: unix sockets want one.
    folder = Path(tempfile.mkdtemp(prefix="ibstack-"))
    env = {**os.environ, "PYTHONPATH": f"{_ROOT}:{_ROOT / 'tests'}"}
    try:
        done = subprocess.run(
            [sys.executable, str(_PROGRAM), str(folder / "lab")],
            capture_output=True,
            text=True,
            env=env,
            cwd=_ROOT,
            timeout=_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        yield json.loads(done.stdout.splitlines()[-1])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_every_port_was_active_at_every_look(seen: dict[str, Any]) -> None:
    assert seen["looks"] > 100
    assert seen["statuses"] == {"ACTIVE": seen["looks"] * len(seen["macs"])}


def test_every_vf_held_its_guid_and_its_partition_at_every_look(seen: dict[str, Any]) -> None:
    for mac, states in zip(seen["macs"], seen["vfs"], strict=True):
        states.pop(f"{Guid.from_mac(mac).value:016x} being written", None)
        assert list(states) == [f"{Guid.from_mac(mac).value:016x} 0x{0x8000 | PARTITION:04x}"]


def test_afterwards_a_port_is_plugged_and_all_are_unplugged(seen: dict[str, Any]) -> None:
    assert seen["late"] is not None
    assert seen["late"] > 0
    assert seen["left"] == 0


def test_the_agent_is_not_root_and_its_file_is_readable_to_it_alone(seen: dict[str, Any]) -> None:
    assert seen["agent"]["user"] != 0
    assert seen["agent"]["file"] == ["0o640", True]


def test_the_check_said_what_comes(seen: dict[str, Any]) -> None:
    before = {found["key"]: found for found in seen["check"]["findings"]}
    host = before["host node001"]

    assert host["verdict"] == "changes"
    assert host["value"] == f"{len(seen['macs'])} ports ACTIVE, agent neutron-mlnx-agent"
    assert before["[eswitch] physical_interface_mappings"]["verdict"] == KEEPS
    assert before["[daemon] fabrics"]["verdict"] == KEEPS
    assert before["[eswitchd] group"]["verdict"] == "must be decided"
    assert before["[ml2] mechanism_drivers"]["value"] == "mlnx_infiniband"
    assert before["[ml2] mechanism_drivers"]["verdict"] == KEEPS
    assert before[f"partition 0x{PARTITION:04x}"]["verdict"] == "must be decided"
    assert (seen["check"]["exit_code"], seen["check"]["not_known"]) == (3, [])
    after = {found["key"]: found for found in seen["check after"]["findings"]}
    assert after["host node001"]["verdict"] == KEEPS
    assert after["[eswitchd] group"]["verdict"] == KEEPS
