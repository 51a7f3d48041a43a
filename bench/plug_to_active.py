# SPDX-License-Identifier: Apache-2.0
"""From plug to ACTIVE: `python bench/plug_to_active.py [ROUNDS]`, on a lab of its own.

Real Neutron, RabbitMQ, MariaDB, OpenSM, and the daemons of two hosts.  Ports are bound first, as
nova does; the clock runs from the start of `ebrctl add-port` to the status in the database, which
is read every few milliseconds since asking the API would slow down what is measured.  Prints one
line of JSON: milliseconds one at a time and all at once, for `ebrctl` as a process, resident MiB,
and the share of a core that an idle agent takes.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pymysql

from ibstack.lab import accounts
from ibstack.lab.cloud import Cloud
from ibstack.lab.daemons import eswitchd_socket
from ibstack.lab.topology import PHYSICAL_NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.lab.process import Process
    from ibstack.lab.topology import Host

_EBRCTL: Final = str(Path(sys.executable).with_name("ebrctl"))
_ROUNDS: Final = 3
_AT_ONCE: Final = 16
_LOOK_EVERY_S: Final = 0.01
_LOST_AFTER_S: Final = 60.0
_IDLE_S: Final = 30.0


@dataclass
class BoundPort:
    """A port that is bound to a VF and not plugged yet."""

    id: str
    mac: str
    host: Host
    pci: str
    plug_s: float = 0
    """How long `ebrctl add-port` took."""


class Statuses:
    """When each port became ACTIVE, as the database shows it."""

    def __init__(self, cloud: Cloud) -> None:
        self._connection = pymysql.connect(
            unix_socket=str(cloud.services().database.socket),
            user="root",
            database="neutron",
            autocommit=True,
        )
        self._since: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self, port: BoundPort) -> float | None:
        """Return the time at which *port* was seen ACTIVE; None where it is lost."""
        deadline = time.monotonic() + _LOST_AFTER_S
        while port.id not in self._since:
            if time.monotonic() > deadline:
                return None
            time.sleep(_LOOK_EVERY_S)
        return self._since[port.id]

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT id FROM ports WHERE status = 'ACTIVE'")
                now = time.monotonic()
                active = {row[0] for row in cursor.fetchall()}
            self._since = {port_id: self._since.get(port_id, now) for port_id in active}


class Bench:
    """A lab with one network, and what nova does on it."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._nova = cloud.api(accounts.NOVA)
        operator = cloud.api(accounts.OPERATOR)
        self._network = operator.create(
            "networks",
            name="bench",
            shared=True,
            **{
                "provider:network_type": "vlan",
                "provider:physical_network": PHYSICAL_NETWORK,
                "provider:segmentation_id": 0x321,
            },
        )["id"]
        operator.create("subnets", network_id=self._network, ip_version=4, cidr="10.9.0.0/16")
        self._statuses = Statuses(cloud)

    def one_at_a_time(self, rounds: int) -> dict[str, object]:
        plugs: list[float] = []
        took: list[float | None] = []
        for _ in range(rounds):
            ports = self._bind(_AT_ONCE // 2)
            took += [self._plug(port) for port in ports]
            plugs += [port.plug_s for port in ports]
            self._remove(ports)
        return {"active": _summary(took), "ebrctl": _summary(plugs)}

    def at_once(self, rounds: int) -> dict[str, object]:
        took: list[float | None] = []
        for _ in range(rounds):
            ports = self._bind(_AT_ONCE)
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                took += pool.map(self._plug, ports)
            self._remove(ports)
        return {"active": _summary(took)}

    def stop(self) -> None:
        self._statuses.stop()

    def _bind(self, count: int) -> list[BoundPort]:
        hosts = self._cloud.topology.compute_hosts
        ports = []
        for number in range(count):
            host = hosts[number % len(hosts)]
            pci = str(host.vf_pci(number // len(hosts)))
            profile = {
                "pci_slot": pci,
                "physical_network": PHYSICAL_NETWORK,
                "pci_vendor_info": "15b3:1004",
            }
            made = self._nova.create(
                "ports",
                network_id=self._network,
                device_owner="compute:nova",
                device_id=str(uuid.uuid4()),
                **{"binding:vnic_type": "direct"},
            )
            self._nova.update(
                "ports",
                made["id"],
                **{"binding:host_id": host.name, "binding:profile": profile},
            )
            ports.append(BoundPort(made["id"], made["mac_address"], host, pci))
        return ports

    def _plug(self, port: BoundPort) -> float | None:
        began = time.monotonic()
        self._ebrctl(port, "add-port", port.mac, "bench", PHYSICAL_NETWORK, "ib_hostdev", port.pci)
        port.plug_s = time.monotonic() - began
        active = self._statuses.wait(port)
        return None if active is None else active - began

    def _remove(self, ports: Iterable[BoundPort]) -> None:
        for port in ports:
            self._ebrctl(port, "del-port", PHYSICAL_NETWORK, port.mac)
            self._nova.delete("ports", port.id)

    def _ebrctl(self, port: BoundPort, *words: str) -> None:
        socket = str(eswitchd_socket(self._cloud.lab, port.host.name))
        env = {**os.environ, "IBSTACK_ESWITCHD_SOCKET": socket}
        subprocess.run([_EBRCTL, *words], env=env, check=True)


def resident_mib(process: Process) -> float:
    pages = int(Path(f"/proc/{process.pid()}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def idle_share(process: Process) -> float:
    """Return the percentage of a core that *process* takes while nothing happens."""
    before = _cpu_s(process)
    time.sleep(_IDLE_S)
    return round(100 * (_cpu_s(process) - before) / _IDLE_S, 3)


def _cpu_s(process: Process) -> float:
    fields = Path(f"/proc/{process.pid()}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _summary(took: Iterable[float | None]) -> dict[str, float | int]:
    every = list(took)
    known = [1000 * each for each in every if each is not None]
    return {
        "count": len(every),
        "lost": len(every) - len(known),
        "median_ms": round(statistics.median(known)) if known else -1,
        "worst_ms": round(max(known)) if known else -1,
    }


def measure(cloud: Cloud, rounds: int) -> dict[str, object]:
    bench = Bench(cloud)
    try:
        host = cloud.topology.compute_hosts[0].name
        agent, eswitchd = cloud.process(f"agent-{host}"), cloud.process(f"eswitchd-{host}")
        return {
            "one_at_a_time": bench.one_at_a_time(rounds),
            f"{_AT_ONCE}_at_once": bench.at_once(rounds),
            "resident_mib": {"agent": resident_mib(agent), "eswitchd": resident_mib(eswitchd)},
            "idle_percent": {"agent": idle_share(agent), "eswitchd": idle_share(eswitchd)},
        }
    finally:
        bench.stop()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS
    # A short path: unix sockets want one.
    folder = Path(tempfile.mkdtemp(prefix="ibstack-"))
    cloud = Cloud(folder / "lab", say=lambda line: print(line, file=sys.stderr))
    try:
        cloud.up()
        print(json.dumps(measure(cloud, rounds)))
    finally:
        cloud.down()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
