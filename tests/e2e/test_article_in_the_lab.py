# SPDX-License-Identifier: Apache-2.0
"""The article's Neutron commands, as today's `openstack` says them, on the lab's real Neutron."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.replay.article_commands import steps
from ibstack_lab.services import accounts

if TYPE_CHECKING:
    from ibstack_lab.cloud import Cloud

AGENTS, INFINIBAND, ETHERNET, SUBNET = 84, 88, 89, 90
OPENSTACK = str(Path(sys.executable).with_name("openstack"))


def typed(cloud: Cloud, number: int, on: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run today's command for the article's, as the operator; *on* another physical network."""
    today = next(step.today for step in steps() if step.number == number)
    assert today is not None
    program, *words = shlex.split(today)
    assert program == "openstack"
    if on is not None:
        words[words.index("--provider-physical-network") + 1] = on
    return subprocess.run(
        [OPENSTACK, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **cloud.client_env(accounts.OPERATOR)},
        timeout=120,
        check=False,
    )


def test_the_network_and_its_subnet_are_as_the_article_has_them(cloud: Cloud) -> None:
    network, subnet = typed(cloud, INFINIBAND), typed(cloud, SUBNET)

    assert network.returncode == 0, network.stderr
    assert subnet.returncode == 0, subnet.stderr
    operator = cloud.api(accounts.OPERATOR)
    (made,) = [each for each in operator.list("networks") if each["name"] == "ibnetwork"]
    (inside,) = operator.list("subnets", network_id=made["id"])
    assert made["provider:network_type"] == "vlan"
    assert made["provider:physical_network"] == "ibhostnet"
    assert made["provider:segmentation_id"] == 1
    assert (made["shared"], made["router:external"]) == (True, False)
    assert (inside["name"], inside["cidr"]) == ("ibsubnet", "192.168.80.0/24")
    operator.delete("networks", made["id"])


def test_a_network_on_the_ethernet_stands_beside_it(cloud: Cloud) -> None:
    done = typed(cloud, ETHERNET)

    assert done.returncode == 0, done.stderr
    operator = cloud.api(accounts.OPERATOR)
    (made,) = [each for each in operator.list("networks") if each["name"] == "vlantestnet001"]
    assert made["provider:network_type"] == "vlan"
    assert made["provider:physical_network"] == "phyvlanhostnet"
    assert made["provider:segmentation_id"] == 11
    assert (made["shared"], made["router:external"]) == (False, False)
    operator.delete("networks", made["id"])


def test_a_physical_network_that_the_server_does_not_have_is_refused(cloud: Cloud) -> None:
    done = typed(cloud, ETHERNET, on="phyflatnet")

    assert done.returncode != 0
    assert "phyflatnet" in done.stderr


def test_every_agent_is_alive(cloud: Cloud) -> None:
    done = typed(cloud, AGENTS)

    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines()[3:] if line.startswith("|")]
    assert rows
    assert all(":-)" in row for row in rows), done.stdout
    for host in ("node002", "node003"):
        assert any(host in row for row in rows), done.stdout
