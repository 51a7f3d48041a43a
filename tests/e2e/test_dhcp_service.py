# SPDX-License-Identifier: Apache-2.0
"""The host that serves DHCP: when it is on a partition, and what it keeps after trouble."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from guest_fleet import ONE_OF_EACH, Dhcp, Fleet, address, kill_with_its_helpers, renew, said
from ibstack.fabric.errors import IbstackError
from tenant_ports import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.process import Process

MLX4, MLX5 = "node002", "node003"
FABRICDS = ("fabricd-head", "fabricd-node001")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def fleet(cloud: Cloud) -> Iterator[Fleet]:
    fleet = Fleet(cloud)
    yield fleet
    fleet.remove()


@pytest.fixture
def agent(cloud: Cloud) -> Process:
    (host,) = cloud.topology.dhcp_hosts
    return cloud.process(f"dhcp-{host.name}")


def start_beside_what_is_left(agent: Process) -> None:
    """Start the agent as a unit with KillMode=process does: each dnsmasq goes on."""
    agent.pid_file.unlink()
    agent.start()


def test_the_host_is_a_member_while_its_network_has_dhcp(cloud: Cloud, fleet: Fleet) -> None:
    network, other = fleet.network(0x221), fleet.network(0x222)
    dhcp, beside = Dhcp(cloud, network), Dhcp(cloud, other)
    for each in (dhcp, beside):
        wait_for("the host joins", each.host_is_member)
        wait_for("DHCP is served", each.serves)

    (subnet,) = fleet.operator.list("subnets", network_id=network["id"])
    fleet.operator.update("subnets", subnet["id"], enable_dhcp=False)
    wait_for("the host leaves", lambda: not dhcp.host_is_member() and not dhcp.found)
    fleet.operator.update("subnets", subnet["id"], enable_dhcp=True)
    wait_for("the host joins again", lambda: dhcp.host_is_member() and dhcp.serves())

    fleet.delete_network(network)
    wait_for("the host leaves", lambda: not dhcp.host_is_member() and not dhcp.found)
    assert beside.host_is_member()
    assert beside.serves()


def test_guests_of_a_subnet_without_dhcp_have_what_neutron_says(cloud: Cloud, fleet: Fleet) -> None:
    network = fleet.network(0x223, enable_dhcp=False)
    fleet.boot((network, MLX4), (network, MLX5))

    assert all(member.guest.address() == member.fixed for member in fleet.members)
    fleet.wait_until_heard(fleet.pairs())
    assert not Dhcp(cloud, network).found
    assert not Dhcp(cloud, network).host_is_member()


def test_a_full_pool_is_refused_and_those_who_are_there_go_on(cloud: Cloud, fleet: Fleet) -> None:
    pool = {"start": address(10), "end": address(12)}
    network = fleet.network(0x224, allocation_pools=[pool])
    wait_for("DHCP has its address", Dhcp(cloud, network).serves)
    fleet.boot((network, MLX4), (network, MLX5))

    with pytest.raises(IbstackError, match=r"No more IP addresses available.*HTTP 409"):
        fleet.boot((network, MLX4))
    renew(fleet.members)
    fleet.wait_until_heard(fleet.pairs())


def test_a_network_that_goes_while_the_agent_is_down_is_cleaned_up(
    cloud: Cloud, fleet: Fleet, agent: Process
) -> None:
    network = fleet.network(0x225)
    dhcp = Dhcp(cloud, network)
    wait_for("DHCP is served", lambda: dhcp.serves() and dhcp.host_is_member())
    kill_with_its_helpers(agent)
    fleet.delete_network(network)
    wait_for("the host leaves", lambda: not dhcp.host_is_member())
    assert dhcp.found == ONE_OF_EACH

    start_beside_what_is_left(agent)
    wait_for("all of it is gone", lambda: not dhcp.found)


@pytest.mark.parametrize("survives", [True, False], ids=["beside dnsmasq", "after dnsmasq"])
def test_an_interface_that_a_crash_left_is_used_again(
    cloud: Cloud, fleet: Fleet, agent: Process, survives: bool
) -> None:
    network = fleet.network(0x226)
    dhcp = Dhcp(cloud, network)
    wait_for("DHCP is served", dhcp.serves)
    (member,) = fleet.boot((network, MLX5))
    (interface,) = dhcp.interfaces()
    kill_with_its_helpers(agent)
    if not survives:
        for pid in dhcp.dnsmasqs():
            os.kill(pid, signal.SIGKILL)
    has_said = said(cloud, agent.name)
    start_beside_what_is_left(agent)

    wait_for("the agent is done", lambda: has_said("Synchronizing state complete"))
    wait_for("DHCP is served", dhcp.serves)
    assert dhcp.interfaces() == [interface]
    renew([member])
    (late,) = fleet.boot((network, MLX4))
    assert late.guest.address() == late.fixed
    assert dhcp.serves()


def test_a_port_whose_partition_is_late_waits_and_goes_on(
    cloud: Cloud, fleet: Fleet, agent: Process
) -> None:
    has_said = said(cloud, agent.name)
    for name in FABRICDS:
        cloud.process(name).stop()
    network = fleet.network(0x227)
    waits = f"network {network['id']} waits: P_Key 0x8227 is not in the table of ib0"
    wait_for("the agent says what it waits for", lambda: has_said(waits))

    for name in FABRICDS:
        cloud.process(name).start()
    (member,) = fleet.boot((network, MLX4))
    assert member.guest.address() == member.fixed
    assert Dhcp(cloud, network).serves()
