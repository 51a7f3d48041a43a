# SPDX-License-Identifier: Apache-2.0
"""The quota of InfiniBand networks: one project cannot fill the tables of those who serve DHCP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from oslo_config import cfg

from .conftest import OTHER_FABRIC, Refused

if TYPE_CHECKING:
    from .conftest import Cloud

PROJECT, OTHER = "tenant-one", "tenant-two"


@pytest.fixture
def two(cloud: Cloud) -> Cloud:
    """A cloud in which each project may have two InfiniBand networks."""
    cfg.CONF.set_override("quota_infiniband_network", 2, group="QUOTAS")
    for key in (1, 2):
        cloud.network(key)
    return cloud


def test_one_network_too_many_is_refused_with_the_reason(two: Cloud) -> None:
    with pytest.raises(Refused, match=r"409.*it may have 2 of them.*infiniband_network.*P_Key"):
        two.network(3)

    listed = two.call("GET", "networks")["networks"]
    assert len(listed) == 2


def test_each_project_has_its_own_and_all_fabrics_count_together(two: Cloud) -> None:
    two.network(3, project=OTHER)
    two.network(1, physical_network=OTHER_FABRIC, project=OTHER)

    with pytest.raises(Refused, match="409"):
        two.network(4, project=OTHER)


def test_ethernet_and_flat_networks_do_not_count(two: Cloud) -> None:
    two.network(3, physical_network="ethernet")
    two.network(None, kind="flat")


def test_a_network_that_goes_makes_room(two: Cloud) -> None:
    network = two.network(3, project=OTHER)
    two.network(4, project=OTHER)
    two.delete_network(network)

    two.network(5, project=OTHER)


def test_an_operator_gives_a_project_more_and_less(two: Cloud) -> None:
    assert two.quota(PROJECT)["infiniband_network"] == 2

    two.quota(PROJECT, infiniband_network=3)
    two.network(3)
    with pytest.raises(Refused, match=r"409.*it may have 3"):
        two.network(4)

    two.quota(PROJECT, infiniband_network=-1)
    two.network(4)


def test_what_is_used_is_told_beside_neutrons_own(two: Cloud) -> None:
    detailed = two.quota_details(PROJECT)

    assert detailed["infiniband_network"] == {"limit": 2, "used": 2, "reserved": 0}
    assert detailed["network"]["used"] == 2


def test_the_default_leaves_room_in_the_smallest_table_for_a_second_project(cloud: Cloud) -> None:
    """ibsim's and some adapters' tables have 64 entries, ConnectX's 128."""
    assert cloud.quota(PROJECT)["infiniband_network"] == 32


def test_where_fabricd_says_what_is_infiniband_it_counts(cloud: Cloud) -> None:
    cfg.CONF.set_override("quota_infiniband_network", 1, group="QUOTAS")
    cloud.infiniband()
    for key in (1, 2):
        cloud.network(key)
    cloud.fabricd()

    with pytest.raises(Refused, match="409"):
        cloud.network(3)
