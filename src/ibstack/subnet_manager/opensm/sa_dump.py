# SPDX-License-Identifier: Apache-2.0
"""OpenSM's own account of its multicast groups: the file opensm-sa.dump.

With `sa_db_dump TRUE` in opensm.conf a master writes it into dump_files_dir at the end of a sweep
in which subnet administration changed, in one step (osm_sa.c).  It is the one place that shows all
groups: a port is told only of the groups of partitions that it is in, with the SM_Key too
(osm_sa_mcmember_record.c; seen on OpenSM 3.3.23, tests/real/test_multicast_groups.py).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path
from typing import Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.partition import PartitionKey
from ibstack.subnet_manager.opensm.multicast_groups import VALUE, MulticastGroup
from ibstack.subnet_manager.settings import SA_DUMP

_GROUP: Final = "MC Group "
_FIELD: Final = re.compile(r"(\w+)=0x([0-9a-f]+)(?::0x([0-9a-f]{16}))?(?= |$)")
_CLOCK_SLACK_S: Final = 1.0
"""The kernel tells when it was booted in whole seconds."""


@dataclass(frozen=True, slots=True)
class NoGroups:
    """Why nothing is known of the groups."""

    why: str

    def __str__(self) -> str:
        return f"the multicast groups are not known: {self.why}"


Groups = dict[IPv6Address, MulticastGroup]


class SaDump:
    """The file at *path*; it is parsed once as long as it stays the same."""

    def __init__(self, path: Path = SA_DUMP, proc: Path = Path("/proc")) -> None:
        self._path = path
        self._proc = proc
        self._seen: tuple[object, ...] | None = None
        self._groups: Groups = {}

    def read(self) -> Groups | NoGroups:
        """Return all groups; NoGroups where there is no file of the OpenSM that runs."""
        try:
            stat = self._path.stat()
            if why := too_old(stat.st_mtime, self._proc):
                return NoGroups(f"{self._path} {why}")
            seen = stat.st_mtime_ns, stat.st_size, stat.st_ino
            if seen != self._seen:
                self._groups = parse_dump(self._path.read_text("ascii", "replace"))
                self._seen = seen
        except FileNotFoundError:
            return NoGroups(f"there is no {self._path}; set sa_db_dump TRUE in opensm.conf")
        except OSError as error:
            return NoGroups(f"{self._path}: {error.strerror}")
        return self._groups


def parse_dump(text: str) -> Groups:
    """Return the groups in the text of a dump; a line that says too little is left out."""
    found = (_group(line) for line in text.splitlines() if line.startswith(_GROUP))
    return {group.mgid: group for group in found if group}


def only_groups(text: str) -> str:
    """Return the lines about groups, without who has joined them."""
    return "".join(f"{line}\n" for line in text.splitlines() if line.startswith(_GROUP))


def _group(line: str) -> MulticastGroup | None:
    said = {name: (high, low) for name, high, low in _FIELD.findall(line)}
    try:
        numbers = {name: int(high, 16) for name, (high, low) in said.items() if not low}
        flow = numbers["sl_flow_hop"]  # SL 4 bits, FlowLabel 20, HopLimit 8.
        return MulticastGroup(
            mgid=IPv6Address(int("".join(said["mgid"]), 16)),
            key=PartitionKey(numbers["pkey"] & 0x7FFF),
            mtu=numbers["mtu"] & VALUE,
            rate=numbers["rate"] & VALUE,
            sl=flow >> 28,
            q_key=numbers["qkey"],
            tclass=numbers["tclass"],
            flow_label=flow >> 8 & 0xFFFFF,
        )
    except (KeyError, ValueError, BadValue):
        return None


def too_old(written_at: float, proc: Path = Path("/proc")) -> str | None:
    """Say why a file of that time (seconds since 1970) is not of an OpenSM that runs here."""
    starts = _starts_of_opensm(proc)
    if not starts:
        return "is of no OpenSM that runs: none does"
    if written_at < min(starts) - _CLOCK_SLACK_S:
        return (
            "is older than the OpenSM that runs: set sa_db_dump TRUE in opensm.conf; it is written"
            " as soon as there is a group"
        )
    return None


def _starts_of_opensm(proc: Path) -> list[float]:
    try:
        booted = _booted_at((proc / "stat").read_text())
        folders = [each for each in proc.iterdir() if each.name.isdigit()]
    except OSError:
        return []
    starts = (_start_of(folder) for folder in folders)
    return [booted + ticks / os.sysconf("SC_CLK_TCK") for ticks in starts if ticks is not None]


def _start_of(folder: Path) -> int | None:
    """Return when an OpenSM was started, in clock ticks since boot; None: it is another program."""
    try:
        name, _, rest = (folder / "stat").read_text(errors="replace").rpartition(")")
    except OSError:
        return None  # It has ended meanwhile.
    # proc(5): the third field is behind the name, the 22nd is starttime.
    return int(rest.split()[19]) if name.partition("(")[2] == "opensm" else None


def _booted_at(stat: str) -> float:
    return next(float(line.split()[1]) for line in stat.splitlines() if line.startswith("btime "))
