# SPDX-License-Identifier: Apache-2.0
"""From publishing to proved in force, and an audit: `python -m bench.scale_fabric [HOSTS …]`.

100 to 2000 hosts on a private ibsim with a real OpenSM, 1 to 5000 partitions of a cloud in memory,
kept by the reconciler of ibstack-fabricd.  Each round desires one port more.  The clock of a
publish runs from its first line to the report that the port is in force: file written, OpenSM's
sweep, proof key seen, table read back.  Prints one line of JSON; CPU time is beside the figures.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.growth import power_of
from bench.mad_reads import topology
from bench.many_tenants import Tenants, TimedPublication, member, spread
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS
from ibstack.mad import NodeType, NotKnown, open_port
from ibstack.subnet_manager.fabricd.with_opensm import opensm_reconciler
from ibstack.subnet_manager.observed.fabric_view import FabricView
from ibstack.subnet_manager.opensm.processes import OpenSmProcesses
from ibstack.subnet_manager.policy.drift import Expected, ObservedPort, Survey, audit
from ibstack.subnet_manager.settings import Limits, Settings
from ibstack_lab.fabric.simulated import Fabric

if TYPE_CHECKING:
    from ibstack.fabric.partition import PkeyTable

_HOSTS: Final = (100, 500, 1000, 2000)
_PARTITIONS: Final = (1, 1000, 5000)
_MANAGER: Final = "h0000"
_ROUNDS: Final = 5
_PATIENCE_S: Final = 60.0
# What design asks, in seconds, by hosts and partitions.
_PROVED_LIMITS: Final = {(1000, 5000): 0.5}
_AUDIT_LIMITS: Final = dict.fromkeys([(1000, count) for count in _PARTITIONS], 0.15)


def main(counts: list[int]) -> None:
    """Measure each size on a fabric of its own, and print what was found."""
    if "SIM_HOST" in os.environ:
        print(json.dumps(_measure(counts[0], Path(os.environ["BENCH_LAB"]))))
        return
    found = [each for count in counts for each in _on_a_fabric(count)]
    rows = [row for each in found for row in each.pop("rows")]
    print(json.dumps({"rows": rows, "sizes": found, "growth": _growth(found)}))


def _on_a_fabric(hosts: int) -> list[dict[str, Any]]:
    """Measure in a process of its own: umad2sim works by LD_PRELOAD."""
    with tempfile.TemporaryDirectory(prefix="ibs") as folder:
        fabric = Fabric.of_lab(Path(folder), topology(hosts))
        try:
            fabric.start()
            started = time.perf_counter()
            fabric.start_subnet_manager(_MANAGER)
            print(f"{hosts} hosts up after {time.perf_counter() - started:.1f} s", file=sys.stderr)
            child = subprocess.run(
                [sys.executable, __file__, str(hosts)],
                env={**os.environ, **fabric.client_env(_MANAGER), "BENCH_LAB": folder},
                cwd=fabric.client_cwd(_MANAGER),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        finally:
            fabric.stop()
    found: list[dict[str, Any]] = json.loads(child.stdout)
    return found


def _measure(hosts: int, lab: Path) -> list[dict[str, Any]]:
    """Return what each number of partitions showed, each with its rows."""
    keeper = _Keeper(Fabric.of_lab(lab, topology(hosts)))
    return [_size(keeper, hosts, count) for count in _PARTITIONS]


class _Keeper:
    """The reconciler beside the OpenSM of one host, wired as ibstack-fabricd wires it."""

    def __init__(self, fabric: Fabric) -> None:
        path = fabric.partitions_conf(_MANAGER)
        manager = fabric.topology.host(_MANAGER).port_guid
        self.ports = [host.port_guid for host in fabric.topology.hosts]
        self.of_tenants = [guid for guid in self.ports if guid != manager]
        """A subnet manager's port is nobody else's."""
        self.tenants = Tenants()
        self.publication = TimedPublication(path, fabric.folder / "state", frozenset({manager}))
        settings = Settings(
            DEFAULT_OWNED_KEYS,
            frozenset({manager}),
            removal_grace_s=0,
            max_removed_share=1.0,
            audit_interval_s=math.inf,
            limits=Limits(proof_s=_PATIENCE_S, read_back_s=_PATIENCE_S),
        )
        self.view = FabricView(open_port)
        opensm = OpenSmProcesses(path, fabric.opensm_pid_file(_MANAGER))
        self._reconciler = opensm_reconciler(
            settings,
            self.tenants,
            self.view,
            opensm,
            self.publication,
            pause=_pause,
        )
        self._processes = {
            "fabricd": psutil.Process(),
            "opensm": psutil.Process(_pid(fabric.opensm_pid_file(_MANAGER))),
            "ibsim": psutil.Process(_pid(fabric.simulator.pid_file)),
        }

    def bring(self) -> dict[str, float]:
        """Do one pass that brings what is new into force; return what it took, in seconds."""
        before = self._cpu()
        began = time.perf_counter()
        outcome = self._reconciler.once()
        ended = time.perf_counter()
        if outcome.failures or len(self.tenants.in_force) != self.tenants.count:
            raise SystemExit(f"cannot measure: {outcome}, {self._reconciler.status.problems}")
        after = self._cpu()
        return {
            "pass": ended - began,
            "publish": self.tenants.reported_at - self.publication.began_at,
            **{f"cpu {name}": after[name] - before[name] for name in after},
        }

    def look(self) -> dict[str, float]:
        """Look at the whole fabric as an audit does; return what each part took, in seconds."""
        expected = Expected(
            self.tenants.partitions(DEFAULT_OWNED_KEYS),
            DEFAULT_OWNED_KEYS,
            frozenset(self.ports[:1]),
            managers=frozenset(self.ports[:1]),
        )
        with open_port() as reader:
            began = time.perf_counter()
            ports = reader.discover().ports.values()
            walked = time.perf_counter()
            hosts = [port for port in ports if port.node_type is NodeType.CHANNEL_ADAPTER]
            tables = reader.pkey_tables(hosts)
            seen = {port.guid: ObservedPort(_read(tables[port.guid])) for port in hosts}
            drift = audit(expected, Survey(seen)).found
            ended = time.perf_counter()
        if drift or len(hosts) != len(self.ports):
            raise SystemExit(f"cannot measure: {len(hosts)} ports, {drift[:3]}")
        return {"walk": walked - began, "audit": ended - walked}

    def _cpu(self) -> dict[str, float]:
        return {name: sum(each.cpu_times()[:2]) for name, each in self._processes.items()}


def _pause(seconds: float) -> bool:
    """Wait; never stop."""
    time.sleep(seconds)
    return False


def _read(table: PkeyTable | NotKnown) -> PkeyTable:
    if isinstance(table, NotKnown):
        raise SystemExit(f"cannot measure: a table is {table}")
    return table


def _size(keeper: _Keeper, hosts: int, partitions: int) -> dict[str, Any]:
    """Bring so many partitions into force, then one port more in each round."""
    keeper.tenants.want(spread(keeper.of_tenants, partitions))
    everything = keeper.bring()
    rounds = []
    for number in range(_ROUNDS):
        port = keeper.of_tenants[7 * number % len(keeper.of_tenants)]
        keeper.tenants.boot(member(f"new{number}", port, partitions + 1 + number))
        rounds.append(keeper.bring())
    looks = [keeper.look() for _ in range(_ROUNDS)]
    about = f"{hosts:,} hosts, {partitions:,} {'partition' if partitions == 1 else 'partitions'}"
    size = hosts, partitions
    return {
        "hosts": hosts,
        "partitions": partitions,
        "members": keeper.tenants.count,
        "file_bytes": keeper.publication.path.stat().st_size,
        "everything": _rounded(everything),
        "one_port": _medians(rounds),
        "look": _medians(looks),
        "rows": [
            _row(f"publish → proved: {about}", rounds, "publish", _PROVED_LIMITS.get(size)),
            *(
                [_row(f"whole pass: {about}", rounds, "pass", None)]
                if size in _PROVED_LIMITS
                else []
            ),
            _row(f"audit: {about}", looks, "audit", _AUDIT_LIMITS.get(size)),
        ],
    }


def _row(
    what: str, rounds: list[dict[str, float]], key: str, limit: float | None
) -> dict[str, Any]:
    took = [each[key] for each in rounds]
    figure = {"median": median(took), "worst": max(took), "n": len(took)}
    return {"what": what, "unit": "s", "limit": limit, "ibstack": _rounded(figure)}


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return _rounded({key: median([each[key] for each in rounds]) for key in rounds[0]})


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 3) for key, value in figures.items()}


def _growth(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return how each time grows with the hosts, for each number of partitions."""
    grown = []
    for group, what in (("one_port", "publish"), ("look", "audit"), ("look", "walk")):
        for count in _PARTITIONS:
            points = [(s["hosts"], s[group][what]) for s in found if s["partitions"] == count]
            if len(points) > 1:
                power = power_of(points)
                print(f"{what}, {count} partitions: hosts to the {power}", file=sys.stderr)
                grown.append({"what": what, "partitions": count, "power_of_hosts": power})
    return grown


def _pid(pid_file: Path) -> int:
    return int(pid_file.read_text().split()[0])


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or list(_HOSTS))
