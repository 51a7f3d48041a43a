# SPDX-License-Identifier: Apache-2.0
"""Faults that are really injected into the lab, each named by the first line of the answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from explained_faults import FAULTS, Fault, on_the_page
from explained_scene import SM_HOST, Scene
from ibstack_lab.services import accounts
from tenant_ports import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.cloud import Cloud

IBSTACK = str(Path(sys.executable).with_name("ibstack"))
NAMED_WITHIN_S = 30.0


@pytest.fixture(scope="module")
def scene(cloud: Cloud) -> Iterator[Scene]:
    scene = Scene(cloud)
    try:
        scene.wait_until_well()
        yield scene
        scene.wait_until_well()
    finally:
        scene.fleet.remove()


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_is_the_first_line(scene: Scene, fault: Fault) -> None:
    told = re.compile(on_the_page(fault.name))
    # An agent that repairs what the fault before left would be held in the middle of that.
    scene.wait_until_well()
    with fault.inject(scene) as port:
        seen: list[str] = []

        def is_named() -> bool:
            seen.append(scene.first_line(port, fault.host))
            return fault.is_named_by(seen[-1]) and told.search(seen[-1]) is not None

        try:
            wait_for(fault.name, is_named, NAMED_WITHIN_S)
        except AssertionError as error:
            expected = f"{fault.says!r} and, as the page has it, {told.pattern!r}"
            pytest.fail(f"{error}; expected {expected}, said {seen[-1:]}")


def diagnose(cloud: Cloud, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command as on the subnet manager's host, from where it asks the others."""
    lab = ("lab", "exec", "--lab", str(cloud.lab.root), SM_HOST)
    return subprocess.run(
        [IBSTACK, *lab, "ibstack", "port", "explain", *words],
        env={**os.environ, **cloud.client_env(accounts.OPERATOR)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_asks_every_host_of_the_way(cloud: Cloud, scene: Scene) -> None:
    scene.wait_until_well()
    done = diagnose(cloud, scene.mlx4.name, "-f", "json")
    answer = json.loads(done.stdout)

    assert (done.returncode, answer["exit_code"]) == (0, 0), done.stdout + done.stderr
    assert answer["answer"] == f"port {scene.mlx4.name}: nothing is wrong on its whole way"
    assert {row["state"] for row in answer["walk"]} == {"right", "not needed"}


def test_the_port_of_a_dhcp_agent_is_well_without_a_vf(scene: Scene) -> None:
    scene.wait_until_well()
    owned = {"network_id": scene.network["id"], "device_owner": "network:dhcp"}
    (port,) = scene.operator.list("ports", **owned)

    explained = scene.explain(port["id"])

    assert explained.exit_code == 0, (explained.answer, explained.unknown)
    state = {step.looked_at: finding.state.value for step, finding in explained.walked}
    assert (state["Neutron binding"], state["key in the table"]) == ("right", "right")
    assert state["VF present"] == "not needed"
