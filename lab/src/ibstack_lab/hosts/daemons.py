# SPDX-License-Identifier: Apache-2.0
"""ibstack's own daemons in the lab, configured as on a real host but for their paths."""

from __future__ import annotations

import grp
import os
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.host.client.eswitch_client import EswitchClient
from ibstack.runtime.atomic_file import replace_file
from ibstack_lab.startup import Component
from ibstack_lab.topology import INTERFACE, PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ibstack_lab.fabric.simulated import Fabric
    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process
    from ibstack_lab.topology import Host, Topology

_ESWITCHD: Final = """\
[eswitch]
physical_interface_mappings = {physical_network}:{interface}
[eswitchd]
socket = {socket}
group = {group}
state_path = {folder}/state
sysfs = {folder}/sys
"""

_AGENT: Final = """\
[DEFAULT]
host = {host}
transport_url = {transport_url}
[eswitch]
socket = {socket}
[metrics]
port = 0
[oslo_messaging_rabbit]
# The broker starts at the same time: look for it often.
rabbit_interval_max = 1
"""

_FABRICD: Final = """\
[DEFAULT]
host = {host}
transport_url = {transport_url}
[fabric]
physical_network = {physical_network}
partitions_conf = {partitions}
sa_dump = {sa_dump}
full_default_members = {full_members}
opensm_pid_file = {pid_file}
answer_key_file = {answer_key}
state_path = {folder}/state/fabricd
# ibsim's virtual ports are ordinary adapters, so any OpenSM knows them.
serves_vports = yes
[metrics]
# Several hosts of a lab share one machine's addresses.
port = 0
[oslo_messaging_rabbit]
rabbit_interval_max = 1
"""


def eswitchd_socket(lab: LabFolder, host: str) -> Path:
    """Return where ibstack-eswitchd of *host* listens: what IBSTACK_ESWITCHD_SOCKET names."""
    return lab.host(host) / "run" / "eswitchd.sock"


def eswitchd_of(lab: LabFolder, host: str) -> EswitchClient:
    """Return what speaks to ibstack-eswitchd of *host*."""
    return EswitchClient(eswitchd_socket(lab, host))


class Daemons:
    """ibstack-eswitchd and ibstack-agent on hosts with adapters, ibstack-fabricd on SM hosts."""

    def __init__(
        self, lab: LabFolder, topology: Topology, fabric: Fabric, transport_url: str
    ) -> None:
        self._lab = lab
        self._topology = topology
        self._fabric = fabric
        self._transport_url = transport_url

    @staticmethod
    def names(topology: Topology) -> tuple[str, ...]:
        """Return the names of all components, in the order in which they start."""
        return (
            *(f"eswitchd-{host.name}" for host in topology.adapter_hosts),
            *(f"agent-{host.name}" for host in topology.adapter_hosts),
            *(f"fabricd-{host.name}" for host in topology.subnet_manager_hosts),
        )

    def configure(self) -> None:
        """Write each daemon's settings, but what stands there: a person may have changed it."""
        for host in self._topology.hosts:
            for folder in ("etc", "run", "state", "guests"):
                (self._lab.host(host.name) / folder).mkdir(parents=True, exist_ok=True)
        for host in self._topology.adapter_hosts:
            self._write(host, "eswitchd", _ESWITCHD)
            self._write(host, "agent", _AGENT)
        for host in self._topology.subnet_manager_hosts:
            self._write(host, "fabricd", _FABRICD)

    def eswitchds(self) -> list[Component]:
        return self._components(
            "eswitchd",
            self._topology.adapter_hosts,
            lambda host: _accepts(eswitchd_socket(self._lab, host.name)),
        )

    def agents(self, alive: Callable[[str, str], bool]) -> list[Component]:
        """*alive* says whether Neutron knows a live agent by its binary and host."""
        hosts = self._topology.adapter_hosts
        return self._components("agent", hosts, lambda host: alive("ibstack-agent", host.name))

    def fabricds(self, alive: Callable[[str, str], bool]) -> list[Component]:
        hosts = self._topology.subnet_manager_hosts
        return self._components("fabricd", hosts, lambda host: alive("ibstack-fabricd", host.name))

    def _components(
        self, daemon: str, hosts: Iterable[Host], ready: Callable[[Host], bool]
    ) -> list[Component]:
        return [Component(self._process(host, daemon), partial(ready, host)) for host in hosts]

    def _process(self, host: Host, daemon: str) -> Process:
        program = str(Path(sys.executable).with_name(f"ibstack-{daemon}"))
        argv = (program, "--config-file", str(self._configuration(host, daemon)))
        on_fabric = daemon == "fabricd"
        return self._lab.process(
            f"{daemon}-{host.name}",
            argv,
            env=self._fabric.client_env(host.name) if on_fabric else None,
            cwd=self._fabric.client_cwd(host.name) if on_fabric else self._lab.host(host.name),
        )

    def _configuration(self, host: Host, daemon: str) -> Path:
        return self._lab.host(host.name) / "etc" / f"{daemon}.conf"

    def _write(self, host: Host, daemon: str, template: str) -> None:
        path = self._configuration(host, daemon)
        if path.exists():
            return
        replace_file(
            path,
            template.format(
                host=host.name,
                folder=self._lab.host(host.name),
                socket=eswitchd_socket(self._lab, host.name),
                physical_network=PHYSICAL_NETWORK,
                interface=INTERFACE,
                group=grp.getgrgid(os.getgid()).gr_name,
                transport_url=self._transport_url,
                partitions=self._fabric.partitions_conf(host.name),
                sa_dump=self._fabric.sa_dump(host.name),
                pid_file=self._fabric.opensm_pid_file(host.name),
                answer_key=self._lab.answer_key,
                full_members=",".join(
                    str(manager.port_guid) for manager in self._topology.subnet_manager_hosts
                ),
            ),
            mode=0o600,  # It may hold the broker's password.
        )


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
