# SPDX-License-Identifier: Apache-2.0
"""Killing the lab's daemons, and starting them again as systemd would."""

from __future__ import annotations

import itertools
import signal
import threading
from typing import TYPE_CHECKING, Final

from tenant_ports import wait_for

if TYPE_CHECKING:
    from ibstack_lab.cloud import Cloud

KILLED: Final = (
    "agent-node002",
    "agent-node003",
    "eswitchd-node002",
    "eswitchd-node003",
    "fabricd-head",
    "fabricd-node001",
    "opensm-head",
    "opensm-node001",
)
DHCP_SIDE: Final = ("eswitchd-node001", "agent-node001", "dhcp-node001", "dhcp-watch-node001")
"""What runs on the host that serves DHCP, beside its subnet manager."""


class Chaos:
    """Kills one daemon after another with SIGKILL, and starts it again as systemd would."""

    def __init__(self, cloud: Cloud) -> None:
        self._processes = itertools.cycle([cloud.process(name) for name in KILLED])
        self._cloud = cloud
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.kills = 0

    def __enter__(self) -> Chaos:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(4):
            self.kill(next(self._processes).name)

    def kill(self, name: str) -> None:
        kill_and_restart(self._cloud, name)
        self.kills += 1


def kill_and_restart(cloud: Cloud, name: str) -> None:
    if name.startswith("opensm-"):
        host = name.removeprefix("opensm-")
        cloud.fabric.kill_subnet_manager(host)
        cloud.fabric.start_subnet_manager(host)
        return
    process = cloud.process(name)
    process.signal(signal.SIGKILL)
    wait_for(f"{name} is dead", lambda: not process.running())
    process.start()
