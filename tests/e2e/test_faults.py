# SPDX-License-Identifier: Apache-2.0
"""One part away at a time: nothing is lost, and work goes on when it is back."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Final

import pytest

from cloud_faults import KILLED, kill_and_restart
from ibstack.fabric.partition import TableEntry
from ibstack.mad import NotKnown
from tenant_ports import TenantPort, tables, wait_for

if TYPE_CHECKING:
    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.neutron_client import Resource

AWAY_S: Final = 20.0
VFS: Final = (10, 11)


def ports(cloud: Cloud, network: Resource) -> list[TenantPort]:
    """Return one new port for each kind of adapter."""
    return [TenantPort(cloud, network, host, VFS[0]) for host in cloud.topology.compute_hosts]


def remove(port: TenantPort) -> None:
    port.unplug()
    port.delete()
    port.wait_until_clean()


@pytest.mark.parametrize("name", KILLED)
def test_a_daemon_killed_before_the_plug_and_again_after_it(
    cloud: Cloud, red: Resource, name: str
) -> None:
    for port in ports(cloud, red):
        port.create()
        kill_and_restart(cloud, name)
        port.bind()
        kill_and_restart(cloud, name)
        port.plug()
        kill_and_restart(cloud, name)
        port.wait_until_right()
        remove(port)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["rabbitmq", "mariadb"])
def test_the_broker_or_the_database_is_away_for_a_while(
    cloud: Cloud, red: Resource, name: str
) -> None:
    there = ports(cloud, red)
    for port in there:
        port.create()
        port.bind()
    process = cloud.process(name)
    # Stopped in mid-flight, sockets open: the nastier way of being away.
    process.signal(signal.SIGSTOP)
    for port in there:
        port.plug()
    away = threading.Event()
    away.wait(AWAY_S)
    process.signal(signal.SIGCONT)
    for port in there:
        port.wait_until_right()
        remove(port)


@pytest.mark.timeout(300)
def test_eswitchd_is_away_for_a_while(cloud: Cloud, red: Resource) -> None:
    there = ports(cloud, red)
    for port in there:
        cloud.process(f"eswitchd-{port.host.name}").stop()
        port.create()
        port.bind()
    threading.Event().wait(AWAY_S)
    for port in there:
        cloud.process(f"eswitchd-{port.host.name}").start()
        port.plug()
        port.wait_until_right()
        remove(port)


def test_the_standby_has_an_equal_file_within_a_second(cloud: Cloud, blue: Resource) -> None:
    master, standby = (
        cloud.fabric.partitions_conf(host.name) for host in cloud.topology.subnet_manager_hosts
    )
    (port, _) = ports(cloud, blue)
    port.create()
    port.bind()
    wait_for("the master publishes", lambda: f"{port.key}" in master.read_text(), 10)
    # Seen: 60 ms on a quiet machine.
    wait_for("the files are equal", lambda: master.read_bytes() == standby.read_bytes(), 5)

    port.plug()
    port.wait_until_right()
    remove(port)


@pytest.mark.timeout(300)
def test_a_failover_leaves_tenants_where_they_are(cloud: Cloud, red: Resource) -> None:
    there = ports(cloud, red)
    for port in there:
        port.create()
        port.bind()
        port.plug()
        port.wait_until_right()
    (mlx4, mlx5) = there
    cloud.fabric.kill_subnet_manager("head")

    # The standby takes over, and serves a port that is new to it.
    late = TenantPort(cloud, red, mlx5.host, VFS[1])
    late.create()
    late.bind()
    late.plug()
    wait_for(f"{late} is ACTIVE", lambda: late.status() == "ACTIVE")
    table = tables(cloud)[mlx4.host.port_guid]
    assert not isinstance(table, NotKnown)
    assert TableEntry(mlx4.key, full_member=True) in table
    cloud.fabric.start_subnet_manager("head")
    for port in (*there, late):
        port.wait_until_right()
        remove(port)
