# SPDX-License-Identifier: Apache-2.0
"""The stage on which ports are broken and explained: a network with DHCP, a guest on each kind."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import ibstack.neutron.client.native_threads  # noqa: F401  Eventlet would warn.
from guest_fleet import Dhcp, Fleet
from ibstack.diagnose.diagnosis import Diagnosis, diagnose
from ibstack.diagnose.gather import gather
from ibstack.diagnose.local_dhcp import DhcpSource
from ibstack.diagnose.local_fabric import FabricSource
from ibstack.diagnose.local_facts import LocalSources, read_local
from ibstack.diagnose.local_group import GroupSource
from ibstack.diagnose.local_vf import VfSource
from ibstack.diagnose.mapped_ports import mapped_ports
from ibstack.fabric.errors import TryLater
from ibstack.mad import FabricReader
from ibstack.views.diagnosis import fabric_source
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.tamper import write_entries
from ibstack_lab.hosts.daemons import eswitchd_socket
from ibstack_lab.hosts.hardware import Hardware
from ibstack_lab.services import accounts
from ibstack_lab.services.mariadb import MariaDb
from ibstack_lab.topology import ETHERNET
from tenant_ports import TenantPort, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ibstack.diagnose.host_facts import HostFacts, Question
    from ibstack.fabric.guid import Guid
    from ibstack_lab.cloud import Cloud

MLX4, MLX5, DHCP_HOST, SM_HOST = "node002", "node003", "node001", "head"
KEY = 0x261


class Scene:
    """A cloud in which two guests have all they need, until a fault is injected."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.fleet = Fleet(cloud)
        self.operator = cloud.api(accounts.OPERATOR)
        self.network = self.fleet.network(KEY)
        self.mlx4, self.mlx5 = self.fleet.boot((self.network, MLX4), (self.network, MLX5))
        self.dhcp = Dhcp(cloud, self.network)
        # Once: oslo.messaging needs the process's global configuration.
        self._fabric = fabric_source(SM_HOST, [str(self.settings(SM_HOST))])

    def settings(self, host: str) -> Path:
        return self.cloud.lab.host(host) / "etc" / "fabricd.conf"

    def explain(self, wanted: str, host: str | None = None) -> Diagnosis:
        """Explain a port with what each host of the lab shows."""
        return diagnose(gather(self.operator, self.read, wanted, host))

    def first_line(self, wanted: str, host: str | None = None) -> str:
        return self.explain(wanted, host).answer

    def read(self, questions: Mapping[str, Question]) -> dict[str, HostFacts]:
        return {host: self._read(host, question) for host, question in questions.items()}

    def _read(self, host: str, question: Question) -> HostFacts:
        folder = self.cloud.lab.host(host)
        place = VfSource(host, str(eswitchd_socket(self.cloud.lab, host)), folder / "sys")
        here = LocalSources(
            host=place,
            dhcp=lambda: DhcpSource(host, folder / "neutron"),
            fabric=lambda: self.fabric_from(host),
            group=GroupSource(
                host,
                lambda network: mapped_ports(place, network),
                lambda: self.reader(host),
                lambda *_port: self.attachment(host),
            ),
        )
        return read_local(here, question)

    def fabric_from(self, host: str) -> FabricSource:
        if host != SM_HOST:
            raise TryLater(f"cannot look at the fabric from {host or 'here'}: no fabricd.conf")
        return FabricSource(
            host=host,
            settings=self._fabric.settings,
            open_reader=lambda: self.reader(host),
            members=self._fabric.members,
        )

    @contextmanager
    def reader(self, host: str) -> Iterator[FabricReader]:
        with self.attachment(host) as attachment:
            yield FabricReader(attachment)

    @contextmanager
    def attachment(self, host: str) -> Iterator[Attachment]:
        with closing(Attachment(self.cloud.fabric, host)) as attachment:
            yield attachment

    # How things are broken, and mended.

    def hardware(self, host: str) -> Hardware:
        return Hardware(self.cloud.topology.host(host), self.cloud.lab.host(host) / "sys")

    @contextmanager
    def held(self, *processes: str) -> Iterator[None]:
        """Hold processes, their workers included, as a hung machine does."""
        groups = [self._group(name) for name in processes]
        for group in groups:
            os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            for group in groups:
                os.killpg(group, signal.SIGCONT)

    def _group(self, name: str) -> int:
        pid = self.cloud.lab.known(name).pid()
        assert pid, name
        return pid  # Each component is a session of its own.

    @contextmanager
    def stopped(self, *processes: str) -> Iterator[None]:
        there = [self.cloud.process(name) for name in processes]
        for process in there:
            process.stop()
        try:
            yield
        finally:
            for process in there:
                process.start()

    @contextmanager
    def gone(self, binary: str, host: str, *processes: str) -> Iterator[None]:
        """Hold an agent, and let the time pass after which Neutron takes it for dead (75 s)."""
        which = f"`binary` = '{binary}' AND (host = '{host}' OR '{host}' = 'all')"
        with self.held(*processes):
            self._reported(which, "UTC_TIMESTAMP() - INTERVAL 1 HOUR")
            yield
        # It reports every 30 s.
        self._reported(which, "UTC_TIMESTAMP()")

    def _reported(self, which: str, when: str) -> None:
        statement = f"UPDATE agents SET heartbeat_timestamp = {when} WHERE {which}"
        MariaDb(self.cloud.lab).execute((statement,), "neutron")

    @contextmanager
    def table(self, guid: Guid, change: Mapping[int, int]) -> Iterator[None]:
        """Write into a port's table behind OpenSM's back, with nobody there to repair it."""
        with self.held("fabricd-head", "fabricd-node001"):
            before = self._raw(guid)
            self._write(guid, change)
            try:
                yield
            finally:
                self._write(guid, {index: before[index] for index in change})

    def index_of(self, guid: Guid, entry: int) -> int:
        return self._raw(guid).index(entry)

    def length_of(self, guid: Guid) -> int:
        return len(self._raw(guid))

    def _raw(self, guid: Guid) -> list[int]:
        with self.reader(SM_HOST) as reader:
            table = reader.pkey_tables([reader.discover().ports[guid]])[guid]
        assert isinstance(table, tuple), table
        return [entry.to_wire() if entry else 0 for entry in table]

    def _write(self, guid: Guid, change: Mapping[int, int]) -> None:
        with self.attachment(SM_HOST) as attachment:
            write_entries(attachment, FabricReader(attachment), guid, change)

    @contextmanager
    def text(self, path: Path, text: str) -> Iterator[None]:
        """Write a file of sysfs, or of a person, over."""
        before = path.read_text()
        path.write_text(text)
        try:
            yield
        finally:
            path.write_text(before)

    @contextmanager
    def stubborn(self, path: Path, text: str) -> Iterator[None]:
        """Have a file of sysfs hold *text*, whoever writes it: eswitchd mends a GUID in seconds."""
        before, over = path.read_text(), threading.Event()

        def insist() -> None:
            while True:
                if path.read_text() != text:
                    path.write_text(text)
                if over.wait(0.02):
                    return

        thread = threading.Thread(target=insist)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            path.write_text(before)

    @contextmanager
    def port(self, **fields: Any) -> Iterator[dict[str, Any]]:
        """Make a port of the network, direct unless *fields* say otherwise, as nova would."""
        given = {"binding:vnic_type": "direct", "device_owner": "compute:nova", **fields}
        given = {"network_id": self.network["id"], **given}
        made = self.cloud.api(accounts.NOVA).create("ports", **given)
        try:
            yield made
        finally:
            self.operator.delete("ports", made["id"])

    @contextmanager
    def tenant(self, host: str, vf: int) -> Iterator[TenantPort]:
        """Yield a port that is made and bound; unplug and delete it after."""
        port = TenantPort(self.cloud, self.network, self.cloud.topology.host(host), vf)
        port.create_bound()
        try:
            yield port
        finally:
            port.unplug()
            port.delete()

    def other_network(self) -> dict[str, Any]:
        """Make a network on the lab's other physical network, which no host maps."""
        fields = {"provider:network_type": "vlan", "provider:physical_network": ETHERNET}
        made = self.operator.create("networks", name="other", **fields)
        self.fleet.networks.append(made)
        return made

    def wait_until_well(self) -> None:
        for member in (self.mlx4, self.mlx5):
            wait_for(f"{member.name} is well", partial(self._is_well, member.name), 30)

    def _is_well(self, name: str) -> bool:
        return self.explain(name).exit_code == 0


def place(host: str, pci: str) -> dict[str, Any]:
    """Return what nova says of where a port is."""
    profile = {"pci_slot": pci, "physical_network": "ibhostnet", "pci_vendor_info": "15b3:101c"}
    return {"binding:host_id": host, "binding:profile": profile}
