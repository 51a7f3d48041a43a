# SPDX-License-Identifier: Apache-2.0
"""The real nova asks `ebrctl` for what the played one does, and for more in a server's life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from ibstack_lab.compute import Compute
from ibstack_lab.hosts import ebrctl_calls
from ibstack_lab.services import accounts
from nova_servers import Servers
from one_cloud import make_network, nova_cloud
from tenant_ports import tables, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.neutron_client import Resource

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

KEY: Final = 0x123


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with nova_cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def network(cloud: Cloud) -> Resource:
    return make_network(cloud, "green", KEY)


class Calls:
    """What reaches `ebrctl` on any host, with names for what differs from server to server."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._seen: dict[str, int] = {}
        self.fresh()

    def fresh(self) -> list[str]:
        """Return the calls since the last time: all of them were done."""
        found = []
        for host in self._cloud.topology.compute_hosts:
            calls = ebrctl_calls.calls(self._cloud.lab, host.name)
            found += calls[self._seen.get(host.name, 0) :]
            self._seen[host.name] = len(calls)
        assert [call.code for call in found] == [0] * len(found), found
        return [_named(call.words) for call in found]


def _named(words: tuple[str, ...]) -> str:
    if words[0] == "add-port":
        verb, mac, instance, network, vnic_type, pci = words
        assert mac.startswith("fa:16:3e:")
        assert len(instance) == 36
        assert pci.startswith("0000:05:")
        return f"{verb} MAC INSTANCE {network} {vnic_type} VF"
    verb, network, mac = words
    assert mac.startswith("fa:16:3e:")
    return f"{verb} {network} MAC"


ADD: Final = "add-port MAC INSTANCE ibhostnet ib_hostdev VF"
DEL: Final = "del-port ibhostnet MAC"


def keys_in_force(cloud: Cloud) -> int:
    """Return how many ports of the fabric have the network's key, whichever membership."""
    return sum(
        any(entry is not None and entry.partition.base == KEY for entry in table)
        for table in tables(cloud).values()
        if isinstance(table, tuple)
    )


def test_a_servers_life(cloud: Cloud, network: Resource) -> None:
    neutron, servers = cloud.api(accounts.DEMO), Servers(cloud, accounts.DEMO)
    compute, calls = Compute(cloud), Calls(cloud)
    fields = {"network_id": network["id"], "binding:vnic_type": "direct"}

    port = neutron.create("ports", name="vm1", **fields)
    server = servers.create("vm1", port["id"])
    servers.wait(server, "ACTIVE")
    assert calls.fresh() == [ADD]
    assert neutron.show("ports", port["id"])["status"] == "ACTIVE"
    machine = compute.machine("vm1")
    address = port["fixed_ips"][0]["ip_address"]
    wait_for("the guest has its address", lambda: compute.guest(machine).address() == address)

    servers.act(server, "reboot", {"type": "HARD"})
    servers.wait(server, "ACTIVE")
    assert calls.fresh() == [DEL, ADD]

    servers.act(server, "os-stop")
    servers.wait(server, "SHUTOFF")
    assert calls.fresh() == []
    assert compute.guest(machine).namespace not in cloud.namespaces.all()

    servers.act(server, "os-start")
    servers.wait(server, "ACTIVE")
    assert calls.fresh() == [DEL, ADD]
    wait_for("the guest is back", lambda: compute.guest(machine).address() == address)

    servers.delete(server)
    ended = calls.fresh()
    assert ended == [DEL]
    assert compute.guest(machine).namespace not in cloud.namespaces.all()
    wait_for("no port of the fabric has the key", lambda: keys_in_force(cloud) == 0)

    # The played nova: the same at the beginning and at the end.
    played, _seconds = compute.boot("vm2", "green", machine.host, accounts.DEMO)
    assert calls.fresh() == [ADD]
    compute.delete(played.name)
    assert calls.fresh() == ended
