# SPDX-License-Identifier: Apache-2.0
"""A cluster of 10,000 nodes in 100 categories: `python -m bench.cluster [DEVICES] [ROUNDS]`.

A real store (SQLite) and a real shell.  Its start is that of a process, on a cluster of that size
and on an empty one, with Python's bytecode as an installation has it and without any; its CPU time
is told too, since a busy machine adds to the other.  Prints one line of JSON: the median and the
worst time of each, in seconds.
"""

from __future__ import annotations

import gc
import io
import json
import os
import pty
import signal
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ibstack.cluster.config.render import files_of_all
from ibstack.cluster.model.device import HEAD, PHYSICAL
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.state import Change, State
from ibstack.cluster.rollout.host_changes import host_changes
from ibstack.cluster.shell.registry import COMMANDS
from ibstack.cluster.shell.session import Session
from ibstack.cluster.store.store import Store, open_store
from ibstack.cluster.text_file.reading import read
from ibstack.cluster.text_file.writing import export

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ibstack.cluster.model.value import Value

_DEVICES: Final = 10_000
_CATEGORIES: Final = 100
_ROUNDS: Final = 5
_CLONES: Final = "device foreach --clone node00001 -n other001..other500 (get ip); refresh"
_LIMITS_S: Final = {
    "start the shell": 0.4,
    "device list": 1,
    "foreach: set, commit": 5,
    "effective configuration of every node": 10,
}
"""Asked of 10,000 devices in 100 categories."""
_IBSTACK: Final = str(Path(sys.executable).with_name("ibstack"))


def main(devices: int = _DEVICES, rounds: int = _ROUNDS) -> None:
    """Measure, and print what was found."""
    with tempfile.TemporaryDirectory() as folder:
        found = _measure(Path(folder), devices, rounds)
    rows = [_row(action, took, rounds) for action, took in found.items()]
    print(json.dumps({"devices": devices, "rounds": rounds, "rows": rows, "seconds": found}))


def _row(action: str, took: dict[str, float], rounds: int) -> dict[str, Any]:
    return {
        "what": f"shell: {action}",
        "unit": "s",
        "limit": _LIMITS_S.get(action),
        "ibstack": {"median": took["median"], "worst": took["worst"], "n": rounds},
    }


def _measure(folder: Path, devices: int, rounds: int) -> dict[str, dict[str, float]]:
    url, empty = f"sqlite:///{folder / 'cluster.db'}", f"sqlite:///{folder / 'empty.db'}"
    store = open_store(url)
    open_store(empty)
    made = [Change(entity.path, None, entity) for entity in _cluster(devices)]
    store.commit(made, base=State(), author="bench")
    typed = _Typed(store)
    with_bytecode = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    without = {"PYTHONPYCACHEPREFIX": str(folder / "none"), "PYTHONDONTWRITEBYTECODE": "1"}
    starts = {
        "start the shell, empty cluster": _Start(("--store", empty, "-c", ""), with_bytecode),
        "start the shell": _Start(("--store", url, "-c", ""), with_bytecode),
        "start the shell for device list": _Start(
            ("--store", url, "-c", "device list"), with_bytecode
        ),
        "start the shell to its prompt": _Start(("--store", url), with_bytecode),
        "start the shell without bytecode": _Start(("--store", url, "-c", ""), without),
    }
    actions: dict[str, Callable[[], object]] = {
        "device list": lambda: typed.line("device list"),
        "foreach: set, commit": lambda: typed.line(typed.next_loop()),
        "foreach: 500 clones": lambda: typed.line(_CLONES),
        "effective configuration of every node": lambda: _all_files(store.load()),
        "plan of every node's own kernel parameters": lambda: _planned(store.load()),
        "export and read the file": lambda: read(export(store.load())),
    }
    return {
        **{name: _timed_start(start, rounds) for name, start in starts.items()},
        **{name: _timed(action, rounds) for name, action in actions.items()},
    }


def _timed(action: Callable[[], object], rounds: int) -> dict[str, float]:
    took = []
    for _ in range(rounds):
        gc.collect()
        begun = time.perf_counter()
        action()
        took.append(time.perf_counter() - begun)
    return _summary(took)


def _timed_start(start: _Start, rounds: int) -> dict[str, float]:
    start.run()  # Whoever installs makes the bytecode, and not who starts.
    took, cpu = zip(*(start.run() for _ in range(rounds)), strict=True)
    return {**_summary(took), "cpu": round(statistics.median(cpu), 3)}


def _summary(took: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(took), 3), "worst": round(max(took), 3)}


@dataclass(frozen=True)
class _Start:
    """A shell as a process of its own, in a terminal."""

    arguments: tuple[str, ...]
    environment: dict[str, str]

    def run(self) -> tuple[float, float]:
        """Return how long it took, and its CPU time: to its end, or else to its prompt."""
        begun = time.perf_counter()
        process, terminal = pty.fork()
        if process == 0:
            known = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
            known |= {"TERM": "dumb", **self.environment}
            os.execve(_IBSTACK, (_IBSTACK, "shell", *self.arguments), known)
        interactive = "-c" not in self.arguments
        took = _until_prompt(terminal, begun) if interactive else _until_end(terminal, begun)
        if interactive:
            os.kill(process, signal.SIGKILL)
        _, status, used = os.wait4(process, 0)
        os.close(terminal)
        if not interactive and status:
            raise SystemExit(f"the shell ended with {status}")
        return took, used.ru_utime + used.ru_stime


def _until_prompt(terminal: int, begun: float) -> float:
    said = b""
    while b"]% " not in said:
        said += os.read(terminal, 65536)
    return time.perf_counter() - begun


def _until_end(terminal: int, begun: float) -> float:
    with suppress(OSError):  # Linux says EIO where the last one has closed a terminal.
        while os.read(terminal, 65536):
            pass
    return time.perf_counter() - begun


@dataclass
class _Typed:
    """A session that is open all the time, as that of a person at work."""

    store: Store
    out: io.StringIO = field(default_factory=io.StringIO)
    rounds: int = 0

    def __post_init__(self) -> None:
        self.session = Session(self.store, COMMANDS, author="bench", out=self.out)

    def line(self, text: str) -> None:
        self.out.seek(0)
        self.out.truncate()
        if not self.session.run(text):
            raise SystemExit(self.out.getvalue())

    def next_loop(self) -> str:
        """Return a loop that changes every device, also in the next round."""
        self.rounds += 1
        mode = ("FULL", "NOSYNC")[self.rounds % 2]
        actions = f"set nextinstallmode {mode}; set notes {self.rounds}"
        return f"device foreach -t physicalnode ({actions}); commit"


def _planned(before: State) -> None:
    nodes = (each for each in before.children(None, ("device",)) if each.type == PHYSICAL)
    given = [Change(n.path, n, n.with_value("kernelparameters", f"n={n.name}")) for n in nodes]
    if len(host_changes(before, before.with_changes(given, before.revision + 1))) != len(given):
        raise SystemExit("the plan does not have every node")


def _all_files(state: State) -> int:
    return sum(len(files) for _, files in files_of_all(state, state.names("device")))


def _cluster(devices: int) -> Iterator[Entity]:
    """Yield a head node, and nodes in categories; every fifth category has its own image."""
    yield _object("partition", "base", headnode="head", defaultcategory="c000")
    yield _object("network", "internalnet", baseaddress="10.0.0.0", netmaskbits=8)
    yield _object("fabric", "ibhostnet", keyrange="1:100", subnetmanagers=("head",))
    for number in range(0, _CATEGORIES, 5):
        yield _object("softwareimage", f"image{number:03}", kernelparameters=f"quiet n={number}")
    for number in range(_CATEGORIES):
        yield from _category(number)
    yield _object("device", "head", HEAD, ip="10.255.255.254", network="internalnet")
    for number in range(1, devices + 1):
        yield from _node(number)


def _category(number: int) -> Iterator[Entity]:
    image = f"image{number // 5 * 5:03}"
    category = _object("category", f"c{number:03}", softwareimage=image)
    yield category
    yield _inside(category, "roles", "openstacknode", "openstacknode")
    yield _inside(category, "roles", "infinibandhost", "infinibandhost", fabric="ibhostnet")
    for name in ("openstack-nova-compute", "ibstack-agent", "ibstack-eswitchd"):
        yield _inside(category, "services", name, monitored=True, autostart=True)


def _node(number: int) -> Iterator[Entity]:
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    node = _object(
        "device",
        f"node{number:05}",
        PHYSICAL,
        mac=f"52:54:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
        category=f"c{number % _CATEGORIES:03}",
        ip=address,
        network="internalnet",
    )
    yield node
    yield _inside(node, "interfaces", "BOOTIF", "physical", ip=address, network="internalnet")
    yield _inside(node, "interfaces", "br-vlan", "bridge", network="internalnet")


def _object(kind: str, name: str, /, type_: str = "", **values: Value) -> Entity:
    return Entity(EntityPath.of(kind, name), type_, values)


def _inside(owner: Entity, kind: str, name: str, /, type_: str = "", **values: Value) -> Entity:
    return Entity(owner.path.inside(kind, name), type_, values)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
