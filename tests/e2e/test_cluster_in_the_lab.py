# SPDX-License-Identifier: Apache-2.0
"""The cluster's shell on the lab: services that it stops and starts are real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibstack_lab.cloud import Cloud

IBSTACK = str(Path(sys.executable).with_name("ibstack"))


def shell(cloud: Cloud, commands: str, status: int = 0) -> str:
    done = subprocess.run(
        [IBSTACK, "lab", "shell", "--lab", str(cloud.lab.root), "-c", commands],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_the_articles_hosts_are_up(cloud: Cloud) -> None:
    said = shell(cloud, "device; status")

    assert said.count("[   UP   ]") == 16


def test_opensm_is_stopped_for_good_and_restarted(cloud: Cloud) -> None:
    node = cloud.process("opensm-node001")
    head = cloud.process("opensm-head")

    said = shell(cloud, "device use node001; services; status opensm; stop opensm; status opensm")

    assert said.splitlines()[0].endswith("[   UP   ]")
    assert "Service opensm was stopped" in said
    assert said.splitlines()[-1].endswith("[STOPPED ]")
    assert not node.running()

    before = head.pid()
    shell(cloud, "device use master; services; restart opensm")
    assert head.running()
    assert head.pid() != before

    assert "drift" not in shell(cloud, "device use node001; services; start opensm")
    assert node.running()


def test_a_service_of_a_new_category_starts_the_labs_process(cloud: Cloud) -> None:
    eswitchd = cloud.process("eswitchd-node002")
    eswitchd.stop()

    said = shell(
        cloud,
        "category; clone openstack-compute-hosts mellanox; services; add eswitchd;"
        " set autostart yes; set monitored yes; commit; device use node002;"
        " set category mellanox; commit; services; status eswitchd",
    )

    assert "node002: Service eswitchd was started" in said
    assert said.rstrip().endswith("[   UP   ]")
    assert eswitchd.running()
    assert shell(cloud, "device drift -n node002") == "No drift\n"
