# SPDX-License-Identifier: Apache-2.0
"""What the runs of many hosts and partitions are made of."""

from __future__ import annotations

from collections import Counter

import pytest
from bench.growth import power_of
from bench.many_tenants import Tenants, spread

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_growth_is_the_power_that_the_times_follow(power: float) -> None:
    assert power_of([(size, 0.003 * size**power) for size in (100, 500, 2000)]) == power


@pytest.mark.parametrize("hosts", [100, 500, 1000, 2000])
@pytest.mark.parametrize("partitions", [1, 1000, 5000])
def test_every_partition_has_members_and_no_port_more_keys_than_its_table(
    hosts: int, partitions: int
) -> None:
    members = spread([Guid(number + 1) for number in range(hosts)], partitions)
    keys_of_a_port = Counter(member.guid for member in members)
    tenants = Tenants()
    tenants.want(members)

    assert len(tenants.partitions(DEFAULT_OWNED_KEYS)) == partitions
    assert len({member.port_id for member in members}) == tenants.count
    assert len({(member.guid, member.key) for member in members}) == tenants.count
    assert len(keys_of_a_port) == hosts
    assert max(keys_of_a_port.values()) <= 50
