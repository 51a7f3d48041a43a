# SPDX-License-Identifier: Apache-2.0
"""The cloud of the end-to-end tests, with daemons that look often and disks that can be filled."""

from __future__ import annotations

import random
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from faults.hostile_tenant import QUOTA, RESERVED_MAC, Tenant
from faults.seen import DHCP_OWNER
from faults.small_disks import small_disks
from faults.world import BYSTANDERS, KEYS, WITH_DHCP, World
from ibstack.fabric.guid import Guid
from ibstack_lab.services import accounts
from one_cloud import make_network, shared_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.neutron_client import NeutronClient

_OFTEN: Final = {
    "fabricd": "[fabric]\npoll_interval = 2\naudit_interval = 1\nremoval_grace_s = 0.5\n"
    "rpc_timeout = 3\nreport_interval = 3\nfull_default_members = {full_members}\n",
    "agent": "[agent]\nresync_interval = 5\nrpc_timeout = 3\nreport_interval = 3\n",
}
"""So that what a lost message or a lie costs is a few seconds of the walk, and not a minute."""
_AMQP_LEAVES_SOCKETS = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(_AMQP_LEAVES_SOCKETS)


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    with shared_cloud() as cloud, _looking_often(cloud):
        yield cloud


@pytest.fixture
def world(cloud: Cloud) -> Iterator[World]:
    """Three networks of a walk's own, one with DHCP, one for bystanders; and a hostile project."""
    operator = cloud.api(accounts.OPERATOR)
    with ExitStack() as undo:
        made = {}
        for name, key in {**KEYS, **WITH_DHCP, **BYSTANDERS}.items():
            network = make_network(cloud, name, key, has_dhcp=name in WITH_DHCP)
            made[name] = network["id"]
            undo.callback(_delete_network, operator, network["id"])
        tenant = Tenant(cloud)
        operator.update("quotas", tenant.project, **QUOTA)
        undo.callback(operator.delete, "quotas", tenant.project)
        undo.callback(tenant.leave)
        networks = {key: made[name] for name, key in KEYS.items()}
        yield World(cloud, networks, random.Random())


def _delete_network(operator: NeutronClient, network: str) -> None:
    for port in operator.list("ports", network_id=network):
        if port["device_owner"] != DHCP_OWNER:  # That one goes with its network.
            operator.delete("ports", port["id"])  # A walk that failed has left it.
    operator.delete("networks", network)


def _full_members(cloud: Cloud) -> str:
    """Return the subnet managers' ports, and one that the site keeps for itself."""
    managers = (host.port_guid for host in cloud.topology.subnet_manager_hosts)
    return ",".join(map(str, (*managers, Guid.from_mac(RESERVED_MAC))))


@contextmanager
def _looking_often(cloud: Cloud) -> Iterator[None]:
    names = [name for name in cloud.names if name.startswith(("agent-", "eswitchd-", "fabricd-"))]
    with ExitStack() as undo:
        for name in names:
            process = cloud.process(name)
            process.stop()
            undo.callback(process.start)
        for name in names:
            kind, _, host = name.partition("-")
            path = cloud.lab.host(host) / "etc" / f"{kind}.conf"
            before = path.read_text()
            undo.callback(path.write_text, before)
            more = _OFTEN.get(kind, "").format(full_members=_full_members(cloud))
            path.write_text(before + more)
        undo.enter_context(small_disks(cloud))
        for name in names:
            undo.callback(cloud.process(name).stop)
            cloud.process(name).start()
        yield
