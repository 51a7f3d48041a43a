# SPDX-License-Identifier: Apache-2.0
"""The silicon: a process that plays the mlx4 and mlx5 drivers of every host with an adapter.

    python -m ibstack_lab.hosts.kernel --lab DIR

It looks every 20 ms.  Where ibsim is away it says so once, and goes on when it is back.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.fabric.watch import Watch
from ibstack_lab.hosts.silicon import silicon

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = logging.getLogger(__name__)

_TICK_S: Final = 0.02
_RETRY_S: Final = 0.5


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
    said = ""
    while not stopping.is_set():
        kernel: Kernel | None = None
        try:
            kernel = Kernel(Fabric.of_running_lab(lab), lab / "hosts")
            said = ""
            while not stopping.wait(_TICK_S):
                kernel.tick()
        except (IbstackError, OSError) as error:
            # A folder that is being built, or an ibsim that is away: it may come (back).
            if str(error) != said:
                LOG.warning("%s", error)
            said = str(error)
            stopping.wait(_RETRY_S)
        finally:
            if kernel is not None:
                kernel.close()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ibstack_lab.hosts.kernel", description=__doc__)
    parser.add_argument("--lab", type=Path, required=True, help="the lab's folder")
    options = parser.parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    run(options.lab, stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main())
