# SPDX-License-Identifier: Apache-2.0
"""Plug, create and bind in every order, while daemons are killed and started again.

Each port ends ACTIVE and right, and then gone and clean.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest

from cloud_faults import Chaos
from ibstack.mad import NotKnown
from tenant_ports import TenantPort, tables, wait_for

if TYPE_CHECKING:
    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.neutron_client import Resource

ARRIVALS: Final = (
    ("create", "bind", "plug"),  # nova's order
    ("create_bound", "plug"),
    ("plug", "create_bound"),
    ("plug", "create", "bind"),
    ("create", "plug", "bind"),
    ("create", "bind", "plug", "plug"),
    ("plug", "plug", "create", "bind", "plug"),
)
DEPARTURES: Final = (
    ("unplug", "delete"),
    ("delete", "unplug"),
    ("unplug", "unplug", "delete"),
    ("delete", "unplug", "unplug"),
)
ROUNDS: Final = int(os.environ.get("IBSTACK_ROUNDS", "60"))
AT_ONCE: Final = 6


def one_round(cloud: Cloud, networks: list[Resource], number: int) -> None:
    hosts = cloud.topology.compute_hosts
    lane = number % AT_ONCE
    port = TenantPort(cloud, networks[number % len(networks)], hosts[lane % len(hosts)], lane)
    for action in ARRIVALS[number % len(ARRIVALS)]:
        getattr(port, action)()
    port.wait_until_right()
    for action in DEPARTURES[number // len(ARRIVALS) % len(DEPARTURES)]:
        getattr(port, action)()
    port.wait_until_clean()


def _lane(cloud: Cloud, networks: list[Resource], lane: int) -> int:
    numbers = range(lane, ROUNDS, AT_ONCE)
    for number in numbers:
        one_round(cloud, networks, number)
    return len(numbers)


def no_member_is_left(cloud: Cloud, networks: list[Resource]) -> bool:
    ours = {int(network["provider:segmentation_id"]) for network in networks}
    return all(
        not isinstance(table, NotKnown)
        and not any(entry and entry.partition.base in ours for entry in table)
        for table in tables(cloud).values()
    )


@pytest.mark.timeout(900)
def test_no_port_is_lost_in_any_order_while_daemons_are_killed(
    cloud: Cloud, red: Resource, blue: Resource
) -> None:
    networks = [red, blue]
    with Chaos(cloud) as chaos, ThreadPoolExecutor(AT_ONCE) as lanes:
        done = sum(lanes.map(lambda lane: _lane(cloud, networks, lane), range(AT_ONCE)))

    assert done == ROUNDS
    assert chaos.kills > 0
    wait_for("no partition has a member", lambda: no_member_is_left(cloud, networks))
