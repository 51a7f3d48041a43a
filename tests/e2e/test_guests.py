# SPDX-License-Identifier: Apache-2.0
"""Guests with addresses by DHCP: who hears whom, and what goes on while parts are away.

dnsmasq and Neutron's DHCP agent are real; what a guest is on is decided by the observed tables.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from cloud_faults import kill_and_restart
from guest_fleet import Dhcp, Fleet, audit, kill_with_its_helpers, renew, replace_entry, said, table
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_PARTITION, PartitionKey, TableEntry
from tenant_ports import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ibstack_lab.cloud import Cloud

GUESTS: Final = int(os.environ.get("IBSTACK_GUESTS", "30"))
KEYS: Final = (0x201, 0x202, 0x203)
MLX4, MLX5 = "node002", "node003"
DIFFERS: Final = 3

pytestmark = pytest.mark.timeout(600)


def wait_until_repaired(cloud: Cloud, guid: Guid, entry: TableEntry) -> None:
    """Fabricd looks once in a minute."""
    wait_for("the table is repaired", lambda: entry in table(cloud, guid), 180)


@contextmanager
def fabricd_held(cloud: Cloud) -> Iterator[None]:
    """Keep ibstack-fabricd from repairing what is done meanwhile."""
    daemons = [
        cloud.process(f"fabricd-{host.name}") for host in cloud.topology.subnet_manager_hosts
    ]
    for daemon in daemons:
        daemon.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for daemon in daemons:
            daemon.signal(signal.SIGCONT)


@pytest.fixture
def fleet(cloud: Cloud) -> Iterator[Fleet]:
    fleet = Fleet(cloud)
    yield fleet
    fleet.remove()


@pytest.fixture(scope="class")
def many(cloud: Cloud) -> Iterator[Fleet]:
    """Guests on three networks, half of them on each kind of adapter, booted at once."""
    fleet = Fleet(cloud)
    networks = [fleet.network(key) for key in KEYS]
    try:
        fleet.boot(
            *((networks[number // 2 % 3], (MLX4, MLX5)[number % 2]) for number in range(GUESTS))
        )
        yield fleet
    finally:
        fleet.remove()


class TestManyGuests:
    """What they have and who hears whom; then parts of the cloud go away and come back."""

    def test_each_has_its_own_address_by_its_client_id(self, cloud: Cloud, many: Fleet) -> None:
        assert {member.name: member.guest.address() for member in many.members} == {
            member.name: member.fixed for member in many.members
        }
        for network in many.networks:
            leases = Dhcp(cloud, network).leases()
            wanted = {
                f"20:{Guid.from_mac(member.machine.mac).as_bytes()}": member.fixed
                for member in many.of(network)
            }
            assert leases == {**leases, **wanted}

    def test_all_of_a_network_hear_each_other_and_nobody_else(self, many: Fleet) -> None:
        many.wait_until_heard(many.pairs())

    def test_a_key_that_is_taken_away_silences_its_holders_until_fabricd_repairs_it(
        self, cloud: Cloud, many: Fleet
    ) -> None:
        virtual = next(one for one in many.of(many.networks[0]) if one.machine.host == MLX5)
        # ConnectX-3's virtual functions share the table of the port.
        shared = {one.name for one in many.of(many.networks[1]) if one.machine.host == MLX4}
        guids = {
            Guid.from_mac(virtual.machine.mac): KEYS[0],
            cloud.topology.host(MLX4).port_guid: KEYS[1],
        }
        entries = {
            guid: TableEntry(PartitionKey(key), full_member=True) for guid, key in guids.items()
        }
        silent = {virtual.name, *shared}
        with fabricd_held(cloud):
            for guid, entry in entries.items():
                replace_entry(cloud, guid, entry, 0)
            many.wait_until_heard(frozenset(p for p in many.pairs() if not silent & set(p)))
            code, found = audit(cloud)
        assert code == DIFFERS
        drift = {(one["guid"], one["class"], one["entry"]) for one in found}
        assert {(str(guid), "missing", str(entry)) for guid, entry in entries.items()} <= drift

        for guid, entry in entries.items():
            wait_until_repaired(cloud, guid, entry)
        many.wait_until_heard(many.pairs())

    @pytest.mark.parametrize("fault", ["dhcp", "opensm", "agents"])
    def test_leases_and_pings_go_on_when_parts_are_killed(
        self, cloud: Cloud, many: Fleet, fault: str
    ) -> None:
        FAULTS[fault](cloud, many)

        many.wait_until_heard(many.pairs())
        renew(many.members)
        for member in (many.members[0], many.members[1]):
            member.guest.stop()
            member.guest.start()
            assert member.guest.wait_for_address() == member.fixed


def kill_dhcp_agent(cloud: Cloud, many: Fleet) -> None:
    (host,) = cloud.topology.dhcp_hosts
    agent = cloud.process(f"dhcp-{host.name}")
    kill_with_its_helpers(agent)
    renew(many.members)  # By each dnsmasq that it has left.
    has_said = said(cloud, agent.name)
    agent.start()
    wait_for("the agent is done", lambda: has_said("Synchronizing state complete"))


def fail_over(cloud: Cloud, _many: Fleet) -> None:
    master, _ = (host.name for host in cloud.topology.subnet_manager_hosts)
    cloud.fabric.kill_subnet_manager(master)
    cloud.fabric.start_subnet_manager(master)


def restart_agents(cloud: Cloud, _many: Fleet) -> None:
    for host in cloud.topology.adapter_hosts:
        kill_and_restart(cloud, f"agent-{host.name}")


FAULTS: Final[dict[str, Callable[[Cloud, Fleet], None]]] = {
    "dhcp": kill_dhcp_agent,
    "opensm": fail_over,
    "agents": restart_agents,
}


def test_limited_members_hear_full_ones_and_not_each_other(cloud: Cloud, fleet: Fleet) -> None:
    network = fleet.network(0x211)
    full, *limited = fleet.boot((network, MLX4), (network, MLX5), (network, MLX5))
    fleet.wait_until_heard(fleet.pairs())
    granted = TableEntry(PartitionKey(0x0211), full_member=True)
    # Neutron has full members only, and fabricd would repair it.
    with fabricd_held(cloud):
        for member in limited:
            guid = Guid.from_mac(member.machine.mac)
            replace_entry(cloud, guid, granted, 0x0211)

        fleet.wait_until_heard(frozenset(pair for pair in fleet.pairs() if full.name in pair))
        renew(limited)  # The host that serves DHCP is a full member.


def test_guests_of_a_flat_network_are_limited_members_of_the_default_partition(
    cloud: Cloud, fleet: Fleet
) -> None:
    network = fleet.flat_network()
    first, second = fleet.boot((network, MLX4), (network, MLX5))
    server = Dhcp(cloud, network).address()
    for member in (first, second):
        # They have their addresses from a full member: the subnet manager's host.
        assert member.hears({server, first.fixed, second.fixed}) == {server, member.fixed}

    guid = Guid.from_mac(second.machine.mac)
    with fabricd_held(cloud):
        replace_entry(cloud, guid, TableEntry(DEFAULT_PARTITION, full_member=False), 0xFFFF)
        wait_for("they hear each other", lambda: second.fixed in first.hears([second.fixed]))
        code, found = audit(cloud)
    assert code == DIFFERS
    assert (str(guid), "open default") in {(one["guid"], one["class"]) for one in found}
