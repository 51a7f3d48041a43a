# SPDX-License-Identifier: Apache-2.0
"""The process that keeps each wire on the bridge of its partition.

    ip netns exec WIRES python -m ibstack_lab.guests.partition_bridges --lab DIR

It looks every 20 ms whether wires have come or gone, or files in which `silicon` mirrors what
OpenSM wrote; then it reads them all, and runs ip(8) where a wire is not where its table wants it.
Bridges and wires are read in /sys/class/net, which shows those of the process's own namespace.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue, IbstackError
from ibstack_lab.guests.namespaces import ip
from ibstack_lab.guests.partition_wires import StandsFor, Wire, changes, is_wire
from ibstack_lab.hosts import vports
from ibstack_lab.program import RETRY_S, SaidOnce, begin

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from ibstack.fabric.partition import TableEntry

LOG = logging.getLogger(__name__)

_TICK_S: Final = 0.02
_COARSE_NS: Final = 100_000_000
"""More than a file's time may be wrong by: the kernel stamps files by its clock tick."""
_NO_IPV6: Final = Path("/proc/sys/net/ipv6/conf/default/disable_ipv6")


class PartitionBridges:
    """The bridges and wires of one namespace."""

    def __init__(self, hosts: Path, interfaces: Path = Path("/sys/class/net")) -> None:
        """*hosts*: the folder `hosts` of the lab."""
        self._hosts = hosts
        self._interfaces = interfaces
        self._right: object = None
        """What _changes_with() was when all was right; None: look."""

    def tick(self) -> bool:
        """Bring each wire where it belongs; return whether there was anything to change."""
        there, tables = self._changes_with()
        if self._right == (there, tables):
            return False
        wires, bridges = dict(self._wires()), frozenset(self._bridges())
        wanted = {name: self._entry(wire.leads_to) for name, wire in wires.items()}
        commands = list(changes(wires, bridges, wanted))
        if not commands:
            all_read = len(wires) == sum(is_wire(name) for name, _ in there)
            settled = time.time_ns() - max(tables, default=0) > _COARSE_NS
            self._right = (there, tables) if all_read and settled else None
            return False
        # Forced: one wire that is gone just now must not hold up the others.
        ip(
            "-force",
            "-batch",
            "-",
            batch="\n".join(commands) + "\n",
            doing="change partitions' bridges",
        )
        for command in commands:
            LOG.info("%s", command)
        return True

    def _changes_with(self) -> tuple[frozenset[tuple[str, int]], tuple[int, ...]]:
        """Return what differs after every change: which interfaces there are, and file times.

        A file that is replaced changes the time of its folder.
        """
        there = frozenset((entry.name, entry.inode()) for entry in os.scandir(self._interfaces))
        folders = sorted(self._hosts.glob("*/ports"))
        return there, tuple(folder.stat().st_mtime_ns for folder in folders)

    def _entry(self, leads_to: StandsFor) -> TableEntry | None:
        path = vports.port_file(self._hosts / leads_to.host, leads_to.pci)
        return leads_to.entry(vports.read(path))

    def _wires(self) -> Iterator[tuple[str, Wire]]:
        for folder in self._interfaces.iterdir():
            # One that has no alias yet, or goes just now, is seen the next time.
            with suppress(OSError, BadValue):
                if is_wire(folder.name):
                    yield folder.name, _wire(folder)

    def _bridges(self) -> Iterator[str]:
        return (path.parent.name for path in self._interfaces.glob("*/bridge"))


def _wire(folder: Path) -> Wire:
    leads_to = StandsFor.parse((folder / "ifalias").read_text())
    port = folder / "brport"
    if not port.exists():
        return Wire(leads_to, None, isolated=False)
    bridge = (folder / "master").resolve().name
    return Wire(leads_to, bridge, isolated=(port / "isolated").read_text().strip() == "1")


def run(lab: Path, stopping: threading.Event) -> None:
    """Keep the wires right until *stopping* is set."""
    bridges = PartitionBridges(lab / "hosts")
    said = SaidOnce()
    pause_s = _TICK_S
    while not stopping.wait(pause_s):
        pause_s = _TICK_S
        try:
            bridges.tick()
            said.works()
        except IbstackError as error:
            # A wire may go between the look and the change.
            said.failed(error)
            pause_s = RETRY_S


def main(argv: Sequence[str] | None = None) -> int:
    lab, stopping = begin("ibstack_lab.guests.partition_bridges", __doc__, argv)
    # The bridges are wires: nothing in this namespace shall be spoken to.
    with suppress(FileNotFoundError):
        _NO_IPV6.write_text("1")
    run(lab, stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main())
