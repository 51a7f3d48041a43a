# SPDX-License-Identifier: Apache-2.0
"""nova-compute of each host with VFs: in a mount namespace, where that host's /sys is /sys."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keystoneauth1.exceptions import ClientException

from ibstack_lab.hosts import ebrctl_calls
from ibstack_lab.hosts.daemons import eswitchd_socket
from ibstack_lab.nova import controller, hypervisor, settings
from ibstack_lab.services import accounts
from ibstack_lab.startup import Component

if TYPE_CHECKING:
    from collections.abc import Callable

    from keystoneauth1.session import Session

    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process
    from ibstack_lab.startup import Startup
    from ibstack_lab.topology import Host, Topology

_KEEP_S: Final = 0.7
GUESTS: Final = "guests"
"""The component that starts and ends the guests of domains."""
# The host's /sys, with this machine's processors in it.  Nothing that is mounted there is seen
# outside: the product's daemons look at the same folder.
_ENTER: Final = """\
mkdir -p {sysfs}/devices/system && mount --bind /sys/devices/system {sysfs}/devices/system \
&& mount --rbind {sysfs} /sys && exec {program}"""


class NovaHosts:
    """nova-compute on the hosts with VFs, and what starts the guests of all of them."""

    def __init__(self, lab: LabFolder, topology: Topology) -> None:
        self._lab = lab
        self._topology = topology

    @staticmethod
    def names(topology: Topology) -> tuple[str, ...]:
        return (GUESTS, *(f"nova-compute-{host.name}" for host in topology.compute_hosts))

    def configure(self, common: settings.CommonSettings) -> None:
        instances = controller.folder_of(self._lab) / "instances"
        instances.mkdir(parents=True, exist_ok=True)
        for host in self._topology.compute_hosts:
            folder = self._folder(host)
            (folder / "lock").mkdir(parents=True, exist_ok=True)
            if host.kind is None:
                raise AssertionError("a host with VFs has an adapter")
            text = settings.nova_host(
                *(common, accounts.NOVA, folder, host.name, host.kind, instances)
            )
            (folder / "nova.conf").touch(mode=0o600)
            (folder / "nova.conf").write_text(text)

    def components(self, is_in_its_cell: Callable[[str], bool]) -> list[Component]:
        """*is_in_its_cell* says whether nova knows a host so that servers can be made there."""
        computes = [
            Component(
                self._compute(host),
                lambda name=host.name: is_in_its_cell(name),  # type: ignore[misc]
                timeout_s=240,
            )
            for host in self._topology.compute_hosts
        ]
        return [Component(self._guests(), lambda: True), *computes]

    def _compute(self, host: Host) -> Process:
        plain = controller.program(
            self._lab, f"nova-compute-{host.name}", "compute", self._folder(host) / "nova.conf"
        )
        folder = self._lab.host(host.name)
        enter = _ENTER.format(
            sysfs=shlex.quote(str(folder / "sys")), program=shlex.join(plain.argv)
        )
        ebrctl = ebrctl_calls.program(self._lab, host.name)
        programs = str(Path(sys.executable).parent)
        env = {
            "PYTHONPATH": str(Path(str(hypervisor.__file__)).parent),
            "PATH": ":".join((str(ebrctl.parent), programs, os.environ.get("PATH", os.defpath))),
            "IBSTACK_LAB_HOST_FOLDER": str(folder),
            "IBSTACK_ESWITCHD_SOCKET": str(eswitchd_socket(self._lab, host.name)),
        }
        argv = ("unshare", "--mount", "--propagation", "private", "sh", "-c", enter)
        return replace(plain, argv=argv, env=env)

    def _guests(self) -> Process:
        argv = (sys.executable, "-m", "ibstack_lab.nova.guests", "--lab", str(self._lab.root))
        return self._lab.process(GUESTS, argv, cwd=self._lab.root)

    def _folder(self, host: Host) -> Path:
        return self._lab.host(host.name) / "nova"


class HostsInCells:
    """Asks nova which hosts servers can be made on: once for each look, however many wait."""

    def __init__(self, startup: Startup, operator: Session, url: str) -> None:
        """*url*: of the compute service."""
        self._startup = startup
        self._operator = operator
        self._url = url
        self._asked_at = float("-inf")
        self._hosts: frozenset[str] = frozenset()

    def __call__(self, host: str) -> bool:
        """Return whether nova has found *host* and put it into its cell."""
        if not self._startup.is_ready("nova-api"):
            return False
        if self._startup.seconds - self._asked_at > _KEEP_S:
            with suppress(ClientException):
                answer = self._operator.get(f"{self._url}/os-hypervisors").json()
                names = (each["hypervisor_hostname"] for each in answer["hypervisors"])
                self._hosts = frozenset(names)
            self._asked_at = self._startup.seconds
        return host in self._hosts
