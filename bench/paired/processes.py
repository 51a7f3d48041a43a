# SPDX-License-Identifier: Apache-2.0
"""Which processes a lab consists of, with those that they started."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any


def of_cloud(cloud: Any) -> list[int]:
    """Return the processes of *cloud* that run now: the lab begins a session for each component."""
    leaders = {cloud.process(name).pid() for name in cloud.names}
    return [pid for pid, session in _sessions().items() if session in leaders]


def _sessions() -> dict[int, int]:
    """Return each process and the session that it is in (proc(5), stat, field 6)."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                found[int(folder.name)] = int(fields[3])
    return found
