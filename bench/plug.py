# SPDX-License-Identifier: Apache-2.0
"""From plug to ACTIVE: `python -m bench.plug ibstack|networking-mlnx`.

Each measurement has a lab of its own: real Neutron, RabbitMQ, MariaDB, Keystone and OpenSM, and the
daemons of one host, of which every VF is used once.  Ports are bound first, as nova does; the clock
runs from the start of `ebrctl add-port` to the status in the database.  Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.footprint import idle_percent, resident_mib
from bench.nova import Nova
from bench.orders import Count, Orders
from bench.ours import Ours
from bench.peer import namespace
from bench.peer.side import Peer
from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.nova import Place, Plugged
    from bench.side import Side
    from ibstack_lab.process import Process

_SIDES: Final = {side.name: side for side in (Ours, Peer)}
_IDLE_S: Final = 30.0
_QUICK_IDLE_S: Final = 5.0
_RESTARTED: Final = 63
"""Rounds of 16 ports with the agent restarted meanwhile: 1000 tries are asked for."""


@dataclass
class Round:
    """What one lab showed."""

    one_at_a_time: list[Plugged] = field(default_factory=list)
    eight_at_a_time: list[Plugged] = field(default_factory=list)
    sixteen_at_once: list[Plugged] = field(default_factory=list)
    used_vf: list[Plugged] = field(default_factory=list)
    plug_first: Count = field(default_factory=Count)
    any_order: Count = field(default_factory=Count)
    resident_mib: dict[str, float] = field(default_factory=dict)
    idle_percent: dict[str, float] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=_SIDES)
    parser.add_argument("--rounds", type=int, default=1, help="1 by default, of three labs each")
    parser.add_argument("--quick", action="store_true", help="little of what takes long")
    options = parser.parse_args()
    if options.side == Peer.name:
        namespace.enter()
    # Leave nothing running where somebody ends it.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        rounds = [_round(options.side, quick=options.quick) for _ in range(options.rounds)]
    except IbstackError as error:
        sys.exit(f"bench: {error}")
    print(json.dumps(_found(rounds) | {"idle_s": _QUICK_IDLE_S if options.quick else _IDLE_S}))


def _round(name: str, *, quick: bool) -> Round:
    found = Round()
    with _cloud(name) as (_, nova):
        found.one_at_a_time = _plug(nova, nova.places(0, 8), 1)
        found.plug_first = Orders(nova, seed=1).plug_first(nova.places(8, 8), 1)
        found.used_vf = _plug(nova, nova.places(0, 8), 1)
    with _cloud(name) as (_, nova):
        found.eight_at_a_time = _plug(nova, nova.places(0, 16), 8)
    with _cloud(name) as (side, nova):
        found.sixteen_at_once = _plug(nova, nova.places(0, 16), 16)
        daemons = side.daemons(side.hosts[0])
        found.resident_mib = resident_mib(daemons)
        found.idle_percent = idle_percent(daemons, _QUICK_IDLE_S if quick else _IDLE_S)
        if name == Ours.name:
            found.any_order = Orders(nova, seed=2).any_order(
                nova.places(0, 16), 1 if quick else _RESTARTED, _restart(daemons["agent"])
            )
    return found


@contextmanager
def _cloud(name: str) -> Iterator[tuple[Side, Nova]]:
    """Yield a cloud whose VFs have never been used."""
    # A short path: unix sockets want one.
    folder = Path(tempfile.mkdtemp(prefix="ibstack-"))
    side: Side = _SIDES[name](folder / "lab", lambda line: print(line, file=sys.stderr))
    try:
        side.up()
        with closing(Nova(side)) as nova:
            yield side, nova
    finally:
        side.down()
        shutil.rmtree(folder, ignore_errors=True)


def _plug(nova: Nova, places: Sequence[Place], at_a_time: int) -> list[Plugged]:
    ports = nova.bound(places)
    with ThreadPoolExecutor(at_a_time) as pool:
        plugged = list(pool.map(nova.plug, ports))
    nova.remove(ports)
    return plugged


def _restart(daemon: Process) -> Callable[[], None]:
    def restart() -> None:
        daemon.stop()
        daemon.start()

    return restart


def _found(rounds: Sequence[Round]) -> dict[str, Any]:
    ebrctl = [each.ebrctl_s for found in rounds for each in found.one_at_a_time]
    return {
        **{
            name: _summary([each.active_s for found in rounds for each in getattr(found, name)])
            for name in ("one_at_a_time", "eight_at_a_time", "sixteen_at_once", "used_vf")
        },
        "ebrctl": _summary(ebrctl),
        "plug_first": sum((found.plug_first for found in rounds), Count()).as_json(),
        "any_order": sum((found.any_order for found in rounds), Count()).as_json(),
        "resident_mib": rounds[-1].resident_mib,
        "idle_percent": rounds[-1].idle_percent,
    }


def _summary(took: Sequence[float | None]) -> dict[str, float | int | None]:
    """Return the median and the worst; those that were lost or ACTIVE too early only counted."""
    known = [1000 * each for each in took if each is not None and each >= 0]
    return {
        "n": len(took),
        "lost": sum(each is None for each in took),
        "before_plug": sum(each is not None and each < 0 for each in took),
        "median_ms": round(statistics.median(known)) if known else None,
        "worst_ms": round(max(known)) if known else None,
    }


if __name__ == "__main__":
    main()
