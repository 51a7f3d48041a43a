# SPDX-License-Identifier: Apache-2.0
"""The lab's fabric: wires simulated by ibsim, and real OpenSMs that manage them.

All state is in files, so that any later process constructs the same `Fabric` and uses every verb.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ibstack_lab import topology_file
from ibstack_lab.fabric.netfile import SWITCH
from ibstack_lab.fabric.subnet_managers import SubnetManagers
from ibstack_lab.fabric.wires import FabricFailed, Wires

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack_lab.process import Process
    from ibstack_lab.topology import Topology


class Fabric(Wires):
    """ibsim and the OpenSMs of one lab."""

    def __init__(self, folder: Path, topology: Topology, *, name: str) -> None:
        super().__init__(folder, topology, name=name)
        self._subnet_managers = SubnetManagers(self, self._log, self._run)

    @classmethod
    def of_lab(cls, lab: Path, topology: Topology) -> Fabric:
        """Return the fabric of the lab in folder *lab*, under a name that no other lab has."""
        # The whole path, resolved: the name must be the same for each process of one lab.
        digest = hashlib.sha256(str(lab.resolve()).encode()).hexdigest()
        return cls(lab / "fabric", topology, name=f"ibstack-{digest[:12]}")

    @classmethod
    def of_running_lab(cls, lab: Path) -> Fabric:
        """Return the fabric of a lab that has been started, with the topology it was started with.

        Raises FabricFailed where there is none.
        """
        try:
            text = (lab / "fabric" / "topology.json").read_text()
        except FileNotFoundError as error:
            raise FabricFailed(f"cannot find a fabric in {lab}: start the lab") from error
        return cls.of_lab(lab, topology_file.load(text))

    def start(self, *, enforcement_cap: int | None = None) -> None:
        """Start the wires, with no subnet manager but with a hardened partitions file of each."""
        if not self.simulator.running():
            self._subnet_managers.harden()
        super().start(enforcement_cap=enforcement_cap)

    def stop(self) -> None:
        """Stop the subnet managers and the wires."""
        for host in self.topology.subnet_manager_hosts:
            self.stop_subnet_manager(host.name)
        super().stop()

    def partitions_conf(self, host: str) -> Path:
        """Return the partitions file of the OpenSM on *host*: hardened from the beginning."""
        return self._subnet_managers.partitions_conf(host)

    def sa_dump(self, host: str) -> Path:
        """Return the file in which the OpenSM on *host* writes its multicast groups down."""
        return self._subnet_managers.sa_dump(host)

    def opensm_pid_file(self, host: str) -> Path:
        """Return the file whose first word is the process id of the OpenSM on *host*."""
        return self._subnet_managers.pid_file(host)

    def opensm_log(self, host: str) -> Path:
        return self._subnet_managers.log(host)

    def subnet_manager(self, host: str) -> Process:
        """Return the OpenSM of *host* as a process, to start and to kill at any time."""
        return self._subnet_managers.process(host)

    def start_subnet_manager(self, host: str) -> None:
        """Start the OpenSM of *host*, also after it was killed; return when it has a role.

        While another is master it becomes standby, whatever its priority (subnet_managers.py).
        """
        self._subnet_managers.start(host)

    def stop_subnet_manager(self, host: str) -> None:
        self.subnet_manager(host).stop()

    def kill_subnet_manager(self, host: str) -> None:
        """End the OpenSM of *host* as a crash would: with SIGKILL."""
        self._subnet_managers.kill(host)


__all__ = ["SWITCH", "Fabric", "FabricFailed"]
