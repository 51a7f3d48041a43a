# SPDX-License-Identifier: Apache-2.0
"""A real Neutron server in this process: its REST API, the ML2 plugin, our driver, SQLite.

Agents are simulated by what they send; hints are recorded where the broker would take them.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

with warnings.catch_warnings():
    # Neutron's own imports and models warn (deprecated APIs of SQLAlchemy, oslo and WebOb, other
    # ones on each release): none of it is ours to mend, so in this room warnings are no errors.
    warnings.simplefilter("ignore")
    from neutron.conf import common as neutron_options
    from neutron.db.models.provisioning_block import ProvisioningBlock
    from neutron.db.models_v2 import Port
    from neutron.extensions import quotasv2, quotasv2_detail
    from neutron.services.segments import db as segments_db
    from neutron.tests.unit.plugins.ml2 import test_plugin
    from neutron_lib import context as neutron_context
    from neutron_lib.db import api as db_api
    from neutron_lib.plugins import directory
    from oslo_config import cfg
    from oslo_utils import timeutils

    from ibstack.fabric.neutron_names import MELLANOX_AGENT, PARTITION_AGENT
    from ibstack.neutron.server import mechanism_driver  # noqa: F401
    from ibstack.neutron.server.rpc import PluginEndpoint
    from one_database import OneDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FABRIC = "ibhostnet"
OTHER_FABRIC = "ibstorage"
NODE = "node003"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/neutron/with_neutron/" in item.path.as_posix():
            item.add_marker(pytest.mark.filterwarnings("default"))


class PluginCase(test_plugin.Ml2PluginV2TestCase):
    """Neutron's own way to run its API in a test; used as a builder, not as a test."""

    # sriovnicswitch binds the same kind of port, on Ethernet.
    _mechanism_drivers = ("infiniband", "sriovnicswitch")
    database: OneDatabase | None = None
    """None: SQLite, in memory."""

    def setUp(self) -> None:
        neutron_options.register_core_common_config_opts()
        cfg.CONF.set_override("notify_nova_on_port_status_changes", False)
        super().setUp()
        # Without it the type drivers release no segment: the test base resets all callbacks.
        segments_db.subscribe()

    def _setup_database_fixtures(self) -> None:
        if self.database is None:
            super()._setup_database_fixtures()
        else:
            self.engine = self.useFixture(self.database.for_neutron()).engine

    def get_additional_service_plugins(self) -> dict[str, str]:
        # Every real Neutron loads it; the test base does not.
        return {**super().get_additional_service_plugins(), "revision_plugin_name": "revisions"}

    def setup_parent(self) -> None:
        ranges = [f"{FABRIC}:1:4000", f"{OTHER_FABRIC}:1:4000", "ethernet:1:4000"]
        cfg.CONF.set_override("network_vlan_ranges", ranges, group="ml2_type_vlan")
        super().setup_parent()

    def runTest(self) -> None:
        """Nothing: tests are functions that use the fixture `cloud`."""


class ManyPluginsCase(PluginCase):
    """With the service plugins that know of ports, and with Open vSwitch, which trunks ask for."""

    _mechanism_drivers = ("infiniband", "openvswitch")

    def setup_parent(self) -> None:
        cfg.CONF.set_override("extension_drivers", ["port_security", "qos"], group="ml2")
        super().setup_parent()

    def get_additional_service_plugins(self) -> dict[str, str]:
        names = ("flavors", "router", "trunk", "qos", "port_forwarding")
        more = {f"{name}_plugin_name": name for name in names}
        return {**super().get_additional_service_plugins(), **more}


@dataclass
class RecordedHints:
    """Where the driver's hints end up here."""

    hosts: list[tuple[str, str]] = field(default_factory=list)
    fabrics: list[str] = field(default_factory=list)

    def port_hint(self, host: str, port_id: str) -> None:
        self.hosts.append((host, port_id))

    def fabric_hint(self, physical_network: str) -> None:
        self.fabrics.append(physical_network)

    def forget(self) -> None:
        self.hosts.clear()
        self.fabrics.clear()


class Refused(Exception):
    """Neutron's API answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Cloud:
    """A Neutron server, seen from its API and from its agents."""

    def __init__(self, case: PluginCase) -> None:
        self._case = case
        self.plugin = directory.get_plugin()
        self.driver = self.plugin.mechanism_manager.mech_drivers["infiniband"].obj
        self.infiniband(FABRIC, OTHER_FABRIC)
        self.hints = self.driver.hints = RecordedHints()
        self.context = neutron_context.get_admin_context()
        self.rpc = PluginEndpoint(self.driver.settings)

    def infiniband(self, *physical_networks: str) -> None:
        """List those in [infiniband] physical_networks."""
        listed = frozenset(physical_networks)
        self.driver.settings = replace(self.driver.settings, physical_networks=listed)

    def network(
        self,
        key: int | None = 1,
        *,
        kind: str = "vlan",
        physical_network: str = FABRIC,
        project: str = "tenant-one",
    ) -> str:
        body = {
            "provider:network_type": kind,
            "provider:physical_network": physical_network,
            "name": f"{physical_network}-{key}",
            "tenant_id": project,
        }
        if key is not None:
            body["provider:segmentation_id"] = str(key)
        return str(self._create("networks", {"network": body})["network"]["id"])

    def port(self, network: str, host: str | None = None, **attributes: Any) -> dict[str, Any]:
        """Create a port; *pci* goes into its binding profile, the rest are attributes."""
        body: dict[str, Any] = {
            "network_id": network,
            "tenant_id": "tenant-one",
            "binding:vnic_type": "direct",
            "fixed_ips": [],
            **_binding(attributes),
        }
        if host is not None:
            body["binding:host_id"] = host
        return dict(self._create("ports", {"port": body})["port"])

    def ports(self, network: str, macs: list[str]) -> list[dict[str, Any]]:
        """Create ports in one request."""
        rows = [
            {
                "network_id": network,
                "tenant_id": "tenant-one",
                "binding:vnic_type": "direct",
                "fixed_ips": [],
                "mac_address": mac,
            }
            for mac in macs
        ]
        return list(self._create("ports", {"ports": rows})["ports"])

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the API for anything, as an operator: POST, "trunks", …"""
        request = self._case.new_create_request(path, body or {}, as_admin=True)
        request.method = method
        return self._answer(request)

    def quota(self, project: str, **limits: int) -> dict[str, Any]:
        """Set the quota of a project, where any is given; return it."""
        request = self._case.new_show_request("quotas", project, as_admin=True)
        if limits:
            # Not by way of the tests' API, which hands it no body.
            controller = quotasv2.QuotaSetsController(self.plugin)
            ours = SimpleNamespace(context=self.fresh())
            return dict(controller.update(ours, project, body={"quota": limits})["quota"])
        return dict(self._answer(request)["quota"])

    def quota_details(self, project: str) -> dict[str, Any]:
        controller = quotasv2_detail.DetailQuotaSetsController(self.plugin)
        ours = SimpleNamespace(context=self.fresh())
        return dict(controller.details(ours, project)["quota"])

    def delete_network(self, network: str) -> None:
        self._answer(self._case.new_delete_request("networks", network, as_admin=True))

    def update(self, port_id: str, **attributes: Any) -> dict[str, Any]:
        body = _binding(attributes)
        if "host" in body:
            body["binding:host_id"] = body.pop("host")
        request = self._case.new_update_request("ports", {"port": body}, port_id, as_service=True)
        return dict(self._answer(request)["port"])

    def show(self, port_id: str) -> dict[str, Any]:
        request = self._case.new_show_request("ports", port_id, as_admin=True)
        return dict(self._answer(request)["port"])

    def status(self, port_id: str) -> str:
        return str(self.show(port_id)["status"])

    def delete(self, port_id: str) -> None:
        self._answer(self._case.new_delete_request("ports", port_id, as_admin=True))

    def agent(
        self,
        host: str = NODE,
        *,
        kind: str = "mlx5",
        physical_network: str = FABRIC,
        port_guid: str | None = "of the host",
        vfs: str = "0000:05:00.1-0000:05:02.0",
        second_port_guid: str | None = None,
        entries: int | None = None,
    ) -> None:
        """The report of an ibstack-agent arrives; each host has a port GUID of its own."""
        if port_guid == "of the host":
            port_guid = f"0x0002c903{zlib.crc32(host.encode()):08x}"
        adapter = {
            "physical_network": physical_network,
            "interface": "ib0",
            "kind": kind,
            "port_guid": port_guid,
            "vfs": vfs,
            "entries": entries,
        }
        adapters = [adapter]
        if second_port_guid is not None:
            adapters.append({**adapter, "interface": "ib1", "port_guid": second_port_guid})
        self._report(MELLANOX_AGENT, "ibstack-agent", host, {"adapters": adapters})

    def fabricd(
        self,
        host: str = "head",
        physical_network: str = FABRIC,
        reserved_guids: Sequence[str] = (),
        **more: Any,
    ) -> None:
        """The report of an ibstack-fabricd arrives; *more* of its configurations."""
        configurations = {
            **more,
            "physical_networks": [physical_network],
            "role": "master",
            "reserved_guids": list(reserved_guids),
        }
        self._report(PARTITION_AGENT, "ibstack-fabricd", host, configurations)

    def ethernet_agent(self, host: str, physical_network: str) -> None:
        """The report of Neutron's own SR-IOV agent arrives."""
        mappings = {"device_mappings": {physical_network: ["eno1"]}}
        self._report("NIC Switch agent", "neutron-sriov-nic-agent", host, mappings)

    def bury(self, host: str, agent_type: str = MELLANOX_AGENT) -> None:
        """The agent has not been heard of for a long time."""
        found = self.plugin.get_agent_objects(
            self.context, filters={"host": [host], "agent_type": [agent_type]}
        )
        for agent in found:
            agent.heartbeat_timestamp = timeutils.utcnow().replace(year=2020)
            agent.update()

    def ready(self, *port_ids: str, host: str = NODE) -> list[str]:
        answer = self.rpc.report_host(self.fresh(), host=host, ready=list(port_ids), gone=[])
        return list(answer["unknown"])

    def still_down(self, *port_ids: str, host: str = NODE) -> dict[str, list[str]]:
        """Report the ports ready; return which are not ACTIVE, and what each waits for."""
        answer = self.rpc.report_host(self.fresh(), host=host, ready=list(port_ids), gone=[])
        return dict(answer["down"])

    def gone(self, *port_ids: str, host: str = NODE) -> list[str]:
        answer = self.rpc.report_host(self.fresh(), host=host, ready=[], gone=list(port_ids))
        return list(answer["unknown"])

    def failed(self, *port_ids: str, host: str = NODE) -> list[str]:
        answer = self.rpc.report_host(
            self.fresh(), host=host, ready=[], gone=[], failed=list(port_ids)
        )
        return list(answer["unknown"])

    def in_force(self, *port_ids: str) -> list[str]:
        answer = self.rpc.report_fabric(
            self.fresh(), physical_network=FABRIC, etag="any", in_force=list(port_ids)
        )
        return list(answer["unknown"])

    def wanted_on(self, host: str = NODE, etag: str | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self.rpc.host_ports(self.fresh(), host=host, etag=etag)
        return answer

    def wanted_of(self, physical_network: str = FABRIC, etag: str | None = None) -> dict[str, Any]:
        fresh = self.fresh()
        answer: dict[str, Any] = self.rpc.fabric_members(
            fresh, physical_network=physical_network, etag=etag
        )
        return answer

    def bind_elsewhere(self, port_id: str, host: str, pci: str) -> None:
        """What nova does before a live migration: an INACTIVE binding on the destination."""
        body = {"binding": {"host": host, "profile": {"pci_slot": pci}, "vnic_type": "direct"}}
        self.plugin.create_port_binding(self.fresh(), port_id, body)

    def activate(self, port_id: str, host: str) -> None:
        """What nova does when the guest runs on the destination."""
        self.plugin.activate(self.fresh(), host, port_id)

    def nova(self, notifier: Any) -> Any:
        """Put *notifier* where the plugin keeps its notifier of nova, and return it."""
        cfg.CONF.set_override("notify_nova_on_port_status_changes", True)
        self.plugin.nova_notifier = notifier
        return notifier

    def blocks(self, port_id: str) -> set[str]:
        """Return what the port waits for, by the names of the provisioning entities."""
        context = self.fresh()
        with db_api.CONTEXT_READER.using(context):
            port = context.session.get(Port, port_id)
            found = context.session.query(ProvisioningBlock.entity).filter_by(
                standard_attr_id=port.standard_attr_id
            )
            return {str(row.entity) for row in found}

    def age(self, port_id: str) -> tuple[Any, str]:
        """Return what orders ports by age: when it was made, and its id where that is equal."""
        context = self.fresh()
        with db_api.CONTEXT_READER.using(context):
            return str(context.session.get(Port, port_id).created_at), port_id

    def fresh(self) -> Any:
        """Return a context of its own, as each request has."""
        return neutron_context.get_admin_context()

    def dhcp_agent(self, host: str) -> None:
        """The report of Neutron's own DHCP agent arrives."""
        self._report("DHCP agent", "neutron-dhcp-agent", host, {})

    def _report(
        self, agent_type: str, binary: str, host: str, configurations: dict[str, Any]
    ) -> None:
        state = {
            "agent_type": agent_type,
            "binary": binary,
            "host": host,
            "topic": "N/A",
            "configurations": configurations,
        }
        self.plugin.create_or_update_agent(self.fresh(), state, timeutils.utcnow())

    def _create(self, resource: str, body: dict[str, Any]) -> dict[str, Any]:
        how = {"as_service": True} if resource == "ports" else {"as_admin": True}
        return self._answer(self._case.new_create_request(resource, body, **how))

    def _answer(self, request: Any) -> dict[str, Any]:
        response = request.get_response(self._case.api)
        if response.status_int >= 400:
            raise Refused(response.status_int, response.text)
        return dict(response.json) if response.body else {}


def _binding(attributes: dict[str, Any]) -> dict[str, Any]:
    body = dict(attributes)
    if "pci" in body:
        pci = body.pop("pci")
        body["binding:profile"] = {"pci_slot": pci} if pci else {}
    return body


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A Neutron server with an empty database."""
    with _cloud(PluginCase("runTest")) as running:
        yield running


@pytest.fixture
def cloud_with_plugins() -> Iterator[Cloud]:
    """The same with trunks, QoS, routers, port forwarding and port security."""
    with _cloud(ManyPluginsCase("runTest")) as running:
        yield running


@pytest.fixture
def cloud_on_mariadb(database: OneDatabase) -> Iterator[Cloud]:
    """The same on a real MariaDB."""
    case = PluginCase("runTest")
    case.database = database
    with _cloud(case) as running:
        yield running


@pytest.fixture
def database() -> Iterator[OneDatabase]:
    # Not tmp_path: unix sockets want a short name.
    folder = Path(tempfile.mkdtemp(prefix="ibstack-"))
    try:
        with OneDatabase(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder)


@contextmanager
def _cloud(case: PluginCase) -> Iterator[Cloud]:
    case.setUp()
    try:
        yield Cloud(case)
    finally:
        case.tearDown()
        case.doCleanups()
