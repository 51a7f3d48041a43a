# SPDX-License-Identifier: Apache-2.0
"""The silicon: a process that plays the mlx4 and mlx5 drivers of every host with an adapter.

    python -m ibstack_lab.hosts.kernel --lab DIR

It looks every 20 ms.  Where ibsim is away it says so once, and goes on when it is back.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.fabric.watch import Watch
from ibstack_lab.hosts.silicon import silicon
from ibstack_lab.program import RETRY_S, SaidOnce, begin

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

LOG = logging.getLogger(__name__)

_TICK_S: Final = 0.02


class Kernel:
    """The drivers of all hosts with an adapter, on one line to ibsim."""

    def __init__(self, fabric: Fabric, hosts: Path) -> None:
        """*hosts*: the folder `hosts` of the lab."""
        self._watch = Watch(fabric)
        self._silicon = [
            silicon(fabric, host, hosts / host.name) for host in fabric.topology.adapter_hosts
        ]

    def tick(self) -> None:
        """Do what there is to do."""
        ports = self._watch.read([node for each in self._silicon for node in each.nodes()])
        for each in self._silicon:
            each.tick(ports)

    def close(self) -> None:
        self._watch.close()


def run(lab: Path, stopping: threading.Event) -> None:
    """Play the drivers until *stopping* is set."""
    said = SaidOnce()
    while not stopping.is_set():
        kernel: Kernel | None = None
        try:
            kernel = Kernel(Fabric.of_running_lab(lab), lab / "hosts")
            said.works()
            while not stopping.wait(_TICK_S):
                kernel.tick()
        except (IbstackError, OSError) as error:
            # A folder that is being built, or an ibsim that is away: it may come (back).
            said.failed(error)
            stopping.wait(RETRY_S)
        finally:
            if kernel is not None:
                kernel.close()


def main(argv: Sequence[str] | None = None) -> int:
    run(*begin("ibstack_lab.hosts.kernel", __doc__, argv))
    return 0


if __name__ == "__main__":
    sys.exit(main())
