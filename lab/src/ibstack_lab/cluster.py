# SPDX-License-Identifier: Apache-2.0
"""The lab's cluster: the article's, on hosts whose files are folders and some of whose services
are the lab's own processes.
"""

from __future__ import annotations

import io
import signal
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ibstack.cluster.rollout.host_controller import HostController
from ibstack.cluster.rollout.settings import Settings
from ibstack.cluster.rollout.tree import TreeHosts
from ibstack.cluster.shell.registry import COMMANDS
from ibstack.cluster.shell.session import Session
from ibstack.cluster.store.store import Store, open_store
from ibstack.fabric.errors import IbstackError
from ibstack.transport.host_state import DOWN, UP
from ibstack.views.cluster import Cluster
from ibstack_lab import cluster_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ibstack.transport.apply_request import ApplyRequest, ApplyResult, ServiceRequest
    from ibstack.transport.query import Observation, Query
    from ibstack.transport.transport import Listener
    from ibstack_lab.cloud import Cloud

_COMPONENTS: Final = {
    "opensm": ("opensm-{host}",),
    "eswitchd": ("eswitchd-{host}",),
    "ibstack-eswitchd": ("eswitchd-{host}",),
    "neutron-mlnx-agent": ("agent-{host}",),
    "ibstack-agent": ("agent-{host}",),
    "ibstack-fabricd": ("fabricd-{host}",),
    "neutron-dhcp-agent": ("dhcp-{host}",),
    "neutron-server": ("neutron-rpc", "neutron-api"),
}
"""Which of the lab's processes a service is."""

_HEAD: Final = "head"
"""What the lab calls the head node."""


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


class LabHosts(TreeHosts):
    """The lab's hosts.  A restart of a host is its folder's: the lab's processes go on."""

    def __init__(self, cloud: Cloud, folder: Path, now: Callable[[], datetime]) -> None:
        super().__init__(folder, now)
        self._cloud = cloud

    def query(self, asked: Mapping[str, Query]) -> Mapping[str, Observation]:
        seen = super().query(asked)
        return {host: self._with_processes(host, each) for host, each in seen.items()}

    def _with_processes(self, host: str, seen: Observation) -> Observation:
        states = dict(seen.services)
        for service in states:
            components = self._components(host, service)
            if components:
                running = all(self._cloud.process(name).running() for name in components)
                states[service] = UP if running else DOWN
        return replace(seen, services=states)

    def apply(
        self, orders: Mapping[str, ApplyRequest], listener: Listener | None = None
    ) -> Mapping[str, ApplyResult]:
        found = {}
        for host, result in super().apply(orders).items():
            found[host] = whole = self._processes_too(host, orders[host], result)
            if listener is not None:
                listener.finished(host, whole)
        return found

    def _processes_too(self, host: str, order: ApplyRequest, result: ApplyResult) -> ApplyResult:
        said = list(result.services)
        for number, each in enumerate(order.services[: len(said)]):
            try:
                if not said[number]:
                    self._act(host, each)
            except IbstackError as error:
                said[number] = str(error)
        return replace(result, services=tuple(said))

    def _act(self, host: str, order: ServiceRequest) -> None:
        components = self._components(host, order.name)
        for name in components:
            if order.action == "reload":
                self._cloud.process(name).signal(signal.SIGHUP)
            if order.action in ("stop", "restart"):
                self._cloud.process(name).stop()
        for name in components:
            if order.action in ("start", "restart"):
                self._start_process(name)

    def _components(self, host: str, service: str) -> tuple[str, ...]:
        known = _HEAD if host == cluster_state.HEAD else host
        found = tuple(name.format(host=known) for name in _COMPONENTS.get(service, ()))
        if not set(found) <= set(self._cloud.names) or (
            service == "neutron-server" and known != _HEAD
        ):
            return ()
        return found

    def _start_process(self, name: str) -> None:
        kind, _, host = name.partition("-")
        if kind == "opensm":
            self._cloud.fabric.start_subnet_manager(host)
        else:
            self._cloud.process(name).start()


class LabCluster:
    """The cluster of one lab, below its folder; made when it is asked for first."""

    def __init__(self, cloud: Cloud) -> None:
        """BadInput where the lab is not up."""
        cloud.services()
        self._cloud = cloud
        self._folder = cloud.lab.cluster

    def open(self) -> Cluster:
        """Return its store, and the way to its hosts, all of them started."""
        settings = Settings(images=self._folder / "images", tree=self._folder / "hosts")
        self._folder.mkdir(parents=True, exist_ok=True)
        store = open_store(f"sqlite:///{self._folder / 'cluster.db'}")
        hosts = LabHosts(self._cloud, self._folder / "hosts", _now)
        reach = HostController(store, hosts, settings, _now)
        if not store.load().revision:
            self._begin(store, settings.images)
        reach.power(store.load().names("device"), "on")
        return Cluster(store, reach)

    def _begin(self, store: Store, images: Path) -> None:
        for name in cluster_state.IMAGES:
            place = images / "cm" / "images" / name / "etc"
            place.mkdir(parents=True, exist_ok=True)
            (place / "image-release").write_text(f"{name}\n")
        said = io.StringIO()
        session = Session(store, COMMANDS, author="lab", out=said)
        if not session.run(cluster_state.starting_state()):
            raise IbstackError(f"cannot begin the lab's cluster:\n{said.getvalue()}")
