# SPDX-License-Identifier: Apache-2.0
"""A whole cloud with one host: `plug` a port until it is ACTIVE, and `explain` one that is."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.hosts import TOPOLOGY
from bench.nova import Nova
from bench.ours import Ours
from bench.paired import rounds
from bench.paired.processes import of_cloud
from bench.paired.rounds import Took, timed

if TYPE_CHECKING:
    from bench.nova import BoundPort

_SETTLED_S: Final = 1.2
"""After a binding: the plug of a machine comes some seconds later, and fabricd's proof pass after
one second is no part of it."""
_WARM: Final = 2
"""The first port that a fresh Neutron makes ACTIVE takes 0.6 s more, once."""
_EXPLAINED: Final = "`ibstack port explain`"
_WITHOUT_OUTPUT: Final = ("sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh")


class _Host:
    """The cloud's one host with VFs, which are used in turn."""

    def __init__(self, cloud: Any, nova: Nova) -> None:
        self._cloud = cloud
        self._nova = nova
        self._vfs = TOPOLOGY.compute_hosts[0].vfs
        self._turn = count()
        self._pids = of_cloud(cloud)
        for _ in range(_WARM):
            self.plug()
        self._standing = self._bound()
        self._nova.plug(self._standing)

    def plug(self) -> dict[str, Took]:
        port = self._bound()
        time.sleep(_SETTLED_S)
        before = rounds.cpu_s(self._pids)
        plugged = self._nova.plug(port)
        if plugged.active_s is None:
            raise SystemExit("cannot measure: a port that was plugged did not become ACTIVE")
        after = rounds.cpu_s(self._pids)
        self._nova.remove([port])
        return {"plug → ACTIVE, one at a time": Took(plugged.active_s, after - before)}

    def explain(self) -> dict[str, Took]:
        return {_EXPLAINED: timed(self._explain, lambda: self._pids)}

    def _explain(self) -> None:
        argv = ("ibstack", "port", "explain", self._standing.id)
        status = self._cloud.run_on("head", (*_WITHOUT_OUTPUT, *argv))
        if status not in (0, 4):  # 4: some stations cannot be looked at in a lab.
            raise SystemExit(f"cannot measure: ibstack port explain ended with {status}")

    def _bound(self) -> BoundPort:
        vf = next(self._turn) % (self._vfs - 1) + 1
        return self._nova.bound(self._nova.places(vf, 1))[0]


def main() -> None:
    rounds.ended_by_sigterm()
    with rounds.short_folder() as folder:
        ours = Ours(folder / "lab", lambda line: print(line, file=sys.stderr))
        try:
            ours.up()
            cloud: Any = ours._cloud
            nova_part: Any = import_module("bench.nova")
            os.environ.update(cloud.client_env(nova_part.accounts.OPERATOR))
            os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            with closing(Nova(ours)) as nova:
                host = _Host(cloud, nova)
                rounds.serve({"plug": host.plug, "explain": host.explain})
        finally:
            ours.down()


if __name__ == "__main__":
    main()
