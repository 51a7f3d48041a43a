# SPDX-License-Identifier: Apache-2.0
"""One host for tests: a real ibstack-eswitchd on a fake sysfs, and the agent's loop beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.host.agent.eswitch_watcher import EswitchWatcher
from ibstack.host.agent.host_reconciler import HostReconciler
from ibstack.host.agent.reporter import THREADS, Reporter
from ibstack.host.client.eswitch_client import EswitchClient
from ibstack.runtime.loop import Loop
from ibstack_lab.hosts import hardware
from ibstack_lab.process import Process
from ibstack_lab.services.neutron_stand_in import NeutronStandIn, StandInPort
from ibstack_lab.topology import PHYSICAL_NETWORK, Host

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.fabric.adapter import AdapterKind
    from ibstack.fabric.pci import PciAddress
    from ibstack.host.client.observed import ObservedVf

SCRIPTS = Path(sys.executable).parent
RED, BLUE = "0x8001", "0x8002"
# What an OpenSM would have written into the physical port's table.
TABLE = (0x7FFF, 0x8001, 0x8002, 0x0001)


def eventually(
    is_so: Callable[[], object],
    *,
    within_s: float = 20,
    what: str = "",
    log: Callable[[], str] = str,
) -> None:
    """Return when *is_so* returns something true; fail where it does not in time."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {within_s} s: {what}\n{log()}"
        time.sleep(0.01)


class Agent:
    """The agent's loop and its watcher, in threads of this process."""

    def __init__(self, host: str, eswitch: EswitchClient, neutron: NeutronStandIn) -> None:
        self.reporter = Reporter(host, neutron, resync_s=5)
        self.reconciler = HostReconciler(host, eswitch, neutron, self.reporter)
        self.loop = Loop(
            self.reconciler,
            interval=lambda: 5,
            settle=0.2,
            backoff=lambda failed: min(0.05 * 2**failed, 1),
            report=lambda outcome: None,
        )
        self.reporter.look_again = self.look_again
        self._watcher = EswitchWatcher(eswitch, self.loop.nudge)
        runs = [self.loop.run, *[self.reporter.run] * THREADS]
        self._threads = [threading.Thread(target=run, daemon=True) for run in runs]
        for thread in self._threads:
            thread.start()
        threading.Thread(target=self._watcher.run, daemon=True).start()

    def look_again(self) -> None:
        self.reconciler.expect_news()
        self.loop.nudge()

    def stop(self) -> None:
        self._watcher.stop()
        self.reporter.stop()
        self.loop.stop()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


class OneHost:
    """A host named node with VFs of *kind*, and a Neutron that knows its ports."""

    def __init__(self, kind: AdapterKind, *, vfs: int = 4, hints: bool = True) -> None:
        # Not pytest's folder: a socket's path has at most 107 bytes (unix(7)).
        self.folder = Path(tempfile.mkdtemp(prefix="ib"))
        self.host = Host("node", Guid(0x0002C90300000030), kind, vfs=vfs)
        self.hardware = hardware.build(self.host, self.folder / "sys")
        self.hardware.show_table(TABLE)
        self.socket = self.folder / "eswitchd.sock"
        self.eswitch = EswitchClient(self.socket, answer_timeout_s=10)
        self.neutron = NeutronStandIn(self._hint if hints else lambda host: None)
        self.eswitchd = Process(
            name="eswitchd",
            argv=[str(SCRIPTS / "ibstack-eswitchd"), "--config-file", str(self._configure())],
            log=self.folder / "eswitchd.log",
            pid_file=self.folder / "eswitchd.pid",
        )
        self.agent: Agent | None = None

    def __enter__(self) -> Self:
        self.start_eswitchd()
        self.start_agent()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop_agent()
        self.eswitchd.stop()
        shutil.rmtree(self.folder)

    # Its daemons.

    def start_eswitchd(self) -> None:
        self.eswitchd.start()
        self.eswitchd.wait_until(self._answers, timeout_s=20)

    def kill_eswitchd(self) -> None:
        """As kill -9 does."""
        pid = self.eswitchd.pid()
        assert pid is not None
        os.kill(pid, 9)
        eventually(lambda: not self.eswitchd.running(), what="eswitchd is dead")

    def start_agent(self) -> None:
        self.agent = Agent(self.host.name, self.eswitch, self.neutron)

    def stop_agent(self) -> None:
        if self.agent is not None:
            self.agent.stop()
            self.agent = None

    # What nova and users do.

    def ebrctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [str(SCRIPTS / "ebrctl"), *arguments]
        env = {**os.environ, "IBSTACK_ESWITCHD_SOCKET": str(self.socket)}
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)

    def plug(self, port: StandInPort, *, wait_s: float = 0) -> None:
        assert port.pci is not None
        pci = self.pci(int(port.id.removeprefix("port-")))
        self.eswitch.attach(port.physical_network, port.mac, pci, wait_s=wait_s)

    def unplug(self, port: StandInPort) -> None:
        self.eswitch.detach(port.physical_network, port.mac)

    def create(self, port: StandInPort) -> None:
        self.neutron.create(port)

    # What is so.

    def pci(self, number: int) -> PciAddress:
        return self.host.vf_pci(number)

    def port(self, number: int, *, entry: str = RED, bound: bool = True) -> StandInPort:
        """Return a port that nova gave VF *number* to."""
        return StandInPort(
            id=f"port-{number}",
            mac=f"fa:16:3e:00:00:{number:02x}",
            entry=entry,
            physical_network=PHYSICAL_NETWORK,
            host=self.host.name if bound else "",
            pci=str(self.pci(number)),
        )

    def vf(self, number: int) -> ObservedVf:
        """Return what eswitchd reads of the VF now."""
        (adapter,) = self.eswitch.read().adapters
        return next(vf for vf in adapter.vfs if vf.number == number)

    def is_live(self, port: StandInPort) -> bool:
        """Whether the port is ACTIVE, and its VF shows its GUID and entry."""
        vf = self.vf(int(port.id.removeprefix("port-")))
        return (
            self.neutron.status(port.id) == "ACTIVE"
            and vf.guid == Guid.from_mac(port.mac)
            and str(vf.entry) == port.entry
        )

    def is_clean(self, port: StandInPort) -> bool:
        """Whether the VF shows nothing of the port, and Neutron does not say that it is up."""
        vf = self.vf(int(port.id.removeprefix("port-")))
        return (
            vf.entry is None
            and vf.guid != Guid.from_mac(port.mac)
            and self.neutron.status(port.id) != "ACTIVE"
        )

    def _answers(self) -> bool:
        try:
            return self.eswitch.read().adapters != ()
        except TryLater:
            return False

    def _hint(self, host: str) -> None:
        if host == self.host.name and self.agent is not None:
            self.agent.look_again()

    def _configure(self) -> Path:
        path = self.folder / "eswitchd.conf"
        path.write_text(
            f"[eswitch]\nphysical_interface_mappings = {PHYSICAL_NETWORK}:ib0\n"
            f"[eswitchd]\nsocket = {self.socket}\nstate_path = {self.folder / 'state'}\n"
            f"sysfs = {self.folder / 'sys'}\n"
        )
        return path
