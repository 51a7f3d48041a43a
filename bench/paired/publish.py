# SPDX-License-Identifier: Apache-2.0
"""`publish`: one port more on a fabric of 500 hosts with 2000 partitions, until it is proved."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, Final

from bench.mad_reads import topology
from bench.many_tenants import member, spread
from bench.paired import rounds
from bench.paired.launch import HERE
from bench.paired.rounds import Took

_PART: Final[Any] = import_module("bench.scale_fabric")
_HOSTS: Final = 500
_PARTITIONS: Final = 2000
_MANAGER: Final = "h0000"


class _Partitions:
    """The tenants of a fabric, of whom one is served more in each round."""

    def __init__(self, lab: Path) -> None:
        # By this name benches have it that have no programs for pairs.
        self._keeper = _PART._Keeper(_PART.Fabric.of_lab(lab, topology(_HOSTS)))
        # The first one is the subnet manager's, whose port no tenant has.
        self._ports = self._keeper.ports[1:]
        self._keeper.tenants.want(spread(self._ports, _PARTITIONS))
        self._keeper.bring()
        self._turn = count()

    def publish(self) -> dict[str, Took]:
        number = next(self._turn)
        port = self._ports[7 * number % len(self._ports)]
        self._keeper.tenants.boot(member(f"new{number}", port, _PARTITIONS + 1 + number))
        took = self._keeper.bring()
        cpu_s = sum(used for name, used in took.items() if name.startswith("cpu "))
        return {
            "publish → proved": Took(took["publish"], cpu_s),
            "a whole pass of fabricd": Took(took["pass"], cpu_s),
        }


def main() -> None:
    if "SIM_HOST" in os.environ:
        partitions = _Partitions(Path(os.environ["BENCH_LAB"]))
        rounds.serve({"publish": partitions.publish})
        return
    rounds.ended_by_sigterm()
    with rounds.short_folder() as folder:
        fabric = _PART.Fabric.of_lab(folder, topology(_HOSTS))
        try:
            fabric.start()
            fabric.start_subnet_manager(_MANAGER)
            # umad2sim works by LD_PRELOAD: in a process of its own, which talks in our place.
            done = subprocess.run(
                [sys.executable, "-P", str(HERE / "launch.py"), "publish"],
                env={**os.environ, **fabric.client_env(_MANAGER), "BENCH_LAB": str(folder)},
                cwd=fabric.client_cwd(_MANAGER),
            )
        finally:
            fabric.stop()
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
