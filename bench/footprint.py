# SPDX-License-Identifier: Apache-2.0
"""What a daemon takes of its host: memory, and the processor while nothing happens."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack_lab.process import Process

_UNTIL_CALM_S: Final = 5.0


def resident_mib(daemons: Mapping[str, Process]) -> dict[str, float]:
    """Return the resident memory of each daemon with its helpers, and of all of them."""
    found = {
        name: sum(each.memory_info().rss for each in processes(daemon)) / 2**20
        for name, daemon in daemons.items()
    }
    return {name: round(each, 1) for name, each in {**found, "all": sum(found.values())}.items()}


def idle_percent(daemons: Mapping[str, Process], seconds: float) -> dict[str, float]:
    """Watch for *seconds*; return the percentage of one core that each daemon took.

    What was asked of them just before is done first: that is no idleness.
    """
    time.sleep(_UNTIL_CALM_S)
    before = {name: _cpu_s(daemon) for name, daemon in daemons.items()}
    time.sleep(seconds)
    return {
        name: round(100 * (_cpu_s(daemon) - before[name]) / seconds, 3)
        for name, daemon in daemons.items()
    }


def processes(daemon: Process) -> list[psutil.Process]:
    """Return the daemon's process and those that it started, such as a privileged helper."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if daemon.mark.items() <= each.environ().items():
                found.append(each)
    return found


def _cpu_s(daemon: Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in processes(daemon))
