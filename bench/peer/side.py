# SPDX-License-Identifier: Apache-2.0
"""The side of networking-mlnx: the lab's controller, fabric and hosts, the peer's daemons."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.hosts import TOPOLOGY
from bench.nova import PARTITION
from bench.peer.host import PeerHost
from bench.peer.services import PROGRAMS, PeerServices
from ibstack.fabric.errors import IbstackError
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.folder import LabFolder
from ibstack_lab.hosts import hardware
from ibstack_lab.process import end_all
from ibstack_lab.services.accounts import OPERATOR, session
from ibstack_lab.services.neutron_client import NeutronClient
from ibstack_lab.startup import Component, Startup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ibstack_lab.process import Process
    from ibstack_lab.services.accounts import Account
    from ibstack_lab.topology import Host

# networking-mlnx leaves partitions to the site's administrator, who has made this one.
_PARTITIONS: Final = """\
Default=0x7fff,indx0,defmember=limited: ALL=limited, ALL_SWITCHES=full, SELF=full;
bench=0x{partition:04x}: ALL=full;
"""


class Peer:
    """A cloud with networking-mlnx's driver, agent, eswitchd and `ebrctl`."""

    name = "networking-mlnx"

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        if not (PROGRAMS / "eswitchd").exists():
            raise IbstackError(
                f"cannot measure networking-mlnx: it is not in {PROGRAMS}; run `tools/setup bench`"
            )
        self._lab = LabFolder.at(folder)
        self._fabric = Fabric.of_lab(self._lab.root, TOPOLOGY)
        self._say = say
        self.hosts: Sequence[Host] = TOPOLOGY.compute_hosts

    @property
    def database(self) -> Path:
        return self._services().database.socket

    def up(self) -> None:
        startup = Startup(self._say)
        services = PeerServices.prepare(self._lab, Path.cwd() / ".cache" / "lab", startup)
        services.launch(startup)
        self._start_fabric()
        hosts = [PeerHost(self._lab, host) for host in self.hosts]
        for host, place in zip(hosts, self.hosts, strict=True):
            host.configure(services.broker.transport_url)
            _give_long_guids(hardware.build(place, self._lab.host(place.name) / "sys"))
        startup.launch(Component(self._silicon(), lambda: True))
        startup.launch(*(host.eswitchd() for host in hosts))
        # Its agent says nothing of a report that was lost, and the next one is 30 s later.
        startup.wait()
        startup.launch(*(host.agent(self._alive) for host in hosts))
        startup.wait()

    def down(self) -> None:
        for folder in (self._lab, self._lab.nursery):
            end_all(folder.pid_files)
        self._fabric.stop()
        for part in ("hosts", "services", "fabric", "run", "preparing"):
            shutil.rmtree(self._lab.root / part, ignore_errors=True)
        self._lab.forget_ports()

    def api(self, who: Account) -> NeutronClient:
        services = self._services()
        signed_in = session(who, services.keystone.auth_url, services.password)
        return NeutronClient(signed_in, services.neutron.url)

    def ebrctl(self, host: Host) -> tuple[Sequence[str], Mapping[str, str]]:
        return (str(PROGRAMS / "ebrctl"),), {}

    def daemons(self, host: Host) -> Mapping[str, Process]:
        peer = PeerHost(self._lab, host)
        return {
            "agent": peer.agent(self._alive).process,
            "eswitchd": peer.eswitchd().process,
        }

    def _services(self) -> PeerServices:
        self._lab.port("neutron")
        return PeerServices(self._lab)

    def _start_fabric(self) -> None:
        for manager in TOPOLOGY.subnet_manager_hosts:
            partitions = self._fabric.partitions_conf(manager.name)
            partitions.parent.mkdir(parents=True, exist_ok=True)
            partitions.write_text(_PARTITIONS.format(partition=PARTITION))
        self._fabric.start()
        for manager in TOPOLOGY.subnet_manager_hosts:
            self._fabric.start_subnet_manager(manager.name)

    def _silicon(self) -> Process:
        argv = (sys.executable, "-m", "ibstack_lab.hosts.kernel", "--lab", str(self._lab.root))
        return self._lab.process("silicon", argv, cwd=self._lab.root)

    def _alive(self, host: str) -> bool:
        with suppress(IbstackError):
            agents = self.api(OPERATOR).list("agents", host=host)
            return any(each["alive"] for each in agents)
        return False


def _give_long_guids(adapter: hardware.Hardware) -> None:
    """Give VFs GUIDs of 16 digits, as most of those are that the driver of mlx4 draws.

    It prints them without leading zeros, and the peer's eswitchd answers nothing any more where it
    finds one that is shorter (ib_utils.py, GUID_FMT_MLNX4).
    """
    for number in range(adapter.host.vfs):
        guid = 0xF2 << 56 | (number + 1) << 40 | adapter.host.port_guid.value & 0xFFFFFFFF
        (adapter.iov_port_folder / f"admin_guids/{number + 1}").write_text(f"{guid:x}\n")
