# SPDX-License-Identifier: Apache-2.0
"""Two OpenSMs, each with a fabricd, on a large fabric whose every other host has a bound port."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from faults.wires import NoAnswer, Wires
from ibstack.fabric.guid import Guid
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.folder import free_ports
from ibstack_lab.topology import Host, Topology
from one_fabricd import Fabricd
from tenant_ports import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_PARTITIONS: Final = 50
_STARTS_WITHIN_S = _SETTLES_WITHIN_S = 60.0
_AUDITS: Final = 2
TAKES_OVER_WITHIN_S: Final = 30.0
"""What OpenSM takes is OpenSM's affair; a sweep of a large fabric is part of it."""


class Bound:
    """A fabric of *ports* hosts with a port each, all in force, and two hosts that manage it.

    Every other port is a physical one, whose VFs share its table, and the rest are VFs' own.
    """

    def __init__(self, folder: Path, ports: int) -> None:
        hosts = [
            Host(
                f"h{n:04d}",
                Guid(0x0002C90300000000 + 0x10 * (n + 1)),
                subnet_manager_priority={0: 10, 1: 5}.get(n),
            )
            for n in range(ports + 2)
        ]
        self.fabric = Fabric.of_lab(folder, Topology(tuple(hosts)))
        self.wires = Wires(self.fabric)
        self.nodes = [host.name for host in hosts[2:]]
        self.members = [
            (f"p{n:04d}", host.port_guid, f"0x{n % _PARTITIONS + 0x101:04x}")
            for n, host in enumerate(hosts[2:])
        ]
        self.ports = {port for port, _, _ in self.members}
        self.own = {port for port, _, _ in self.members[1::2]}
        """Ports whose partition stands at index 0, as a guest on a VF of its own needs it."""
        self._folder = folder

    @contextmanager
    def running(self) -> Iterator[Bound]:
        """Start it; return when every port is in force, and the standby's file equal."""
        with ExitStack() as undo:
            undo.callback(self.fabric.stop)
            self.fabric.start()
            names = [host.name for host in self.fabric.topology.subnet_manager_hosts]
            for name in names:
                self.fabric.start_subnet_manager(name)
            self.master, self.standby = (
                Fabricd(
                    self.fabric,
                    self._folder / f"fabricd-{name}",
                    name,
                    metrics_port=port,
                    settings=f"audit_interval = 1\nsa_dump = {self.fabric.sa_dump(name)}\n",
                )
                for name, port in zip(names, free_ports(2), strict=True)
            )
            for daemon in (self.master, self.standby):
                self.want(daemon, self.members)
                undo.callback(daemon.process.stop)
                daemon.process.start()
            self.master.until(lambda: self.master.in_force() == self.ports, _STARTS_WITHIN_S)
            self.standby.until(self.files_are_equal, _STARTS_WITHIN_S)
            yield self

    def want(self, daemon: Fabricd, members: Iterable[tuple[str, Guid, str]]) -> None:
        daemon.want(*members, own=self.own)

    def files_are_equal(self) -> bool:
        texts = {
            self.fabric.partitions_conf(host.name).read_text()
            for host in self.fabric.topology.subnet_manager_hosts
        }
        return len(texts) == 1

    def kill_the_master(self) -> None:
        """End the master's OpenSM and its fabricd as a power cut would."""
        self.master.process.signal(signal.SIGKILL)
        self.master.process.stop()
        self.fabric.kill_subnet_manager(self.master.host)

    def wait_for_the_takeover(self) -> None:
        self.standby.until(lambda: self.wires.is_master(self.standby.host), TAKES_OVER_WITHIN_S)

    def wait_for_the_audit(self) -> None:
        """Return when the new master has compared all tables, and has found and repaired nothing.

        Twice, for only what two looks in a row find is called drift.
        """
        audits = "ibstack_fabricd_audits_total"
        self.standby.until(lambda: self.standby.numbers()[audits] >= _AUDITS, _SETTLES_WITHIN_S)
        numbers = self.standby.numbers()
        drift = {
            series: number
            for series, number in numbers.items()
            if series.startswith("ibstack_fabricd_drift{") and number
        }
        assert not drift
        assert numbers["ibstack_fabricd_repairs_total"] == 0

    def bring_the_other_back(self) -> None:
        """Start what was killed; return when it is the standby, with an equal file, content."""
        self.fabric.start_subnet_manager(self.master.host)
        beats = len(self.master.told())
        self.master.process.start()
        self.master.until(
            lambda: len(self.master.told()) > beats and self._has_settled(), _SETTLES_WITHIN_S
        )
        assert self.wires.is_master(self.standby.host)
        assert not self.wires.is_master(self.master.host)

    def _has_settled(self) -> bool:
        """Say whether each has its new role and nothing to complain of."""
        said = [daemon.heartbeat()["configurations"] for daemon in (self.master, self.standby)]
        roles = [each.get("role") for each in said]
        content = not any(each.get("problems") for each in said)
        return roles == ["standby", "master"] and content and self.files_are_equal()


class Sampler:
    """Reads every tenant's table over and over, and keeps what differs from the first reading."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._wires = Wires(bound.fabric)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.first = self._wires.tables(bound.nodes)
        self.readings: list[float] = []
        """When each of them began, in seconds on time.monotonic()."""
        self.changes: list[str] = []

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def wait_for_a_reading(self) -> None:
        """Return when all tables have been read once more, from now on."""
        asked = time.monotonic()
        wait_for("all tables are read", lambda: any(at > asked for at in tuple(self.readings)))

    def readings_between(self, began: float, ended: float) -> int:
        return sum(began <= at <= ended for at in self.readings)

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                now = self._wires.tables(self._bound.nodes)
            except NoAnswer as node:
                self.changes.append(f"{node} did not answer")
                continue
            self.readings.append(began)
            self.changes += [
                f"{node}: {now[node]} was {before}"
                for node, before in self.first.items()
                if now[node] != before
            ]
