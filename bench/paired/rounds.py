# SPDX-License-Identifier: Apache-2.0
"""A side's end of the conversation: each line on stdin names what to measure once.

The first line on stdout is `{"ready": [NAME …]}`, or `{"missing": WHY}` where this side has no
such measurement.  Each line after that answers one line of stdin:
`{WHAT: {"seconds": …, "cpu_s": …} …}`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_NANOSECONDS: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Took:
    """What one measurement needed."""

    seconds: float
    cpu_s: float
    """Of all processes that took part, user and system: a busy machine adds less to it."""


def serve(measures: Mapping[str, Callable[[], Mapping[str, Took]]]) -> None:
    """Measure whatever is asked, until stdin ends; each measurement says what took how long."""
    answers = _own_stdout()
    _say(answers, {"ready": list(measures)})
    for line in sys.stdin:
        found = measures[line.strip()]()
        _say(answers, {what: asdict(took) for what, took in found.items()})


def timed(act: Callable[[], object], pids: Callable[[], Iterable[int]]) -> Took:
    """Do something once; *pids* names the processes that take part in it, beside this one."""
    took_part = list(pids())
    before = cpu_s(took_part)
    began = time.perf_counter()
    act()
    seconds = time.perf_counter() - began
    return Took(seconds, cpu_s(took_part) - before)


def ended_by_sigterm() -> None:
    """Have SIGTERM unwind, so that nothing is left running."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


@contextmanager
def short_folder() -> Iterator[Path]:
    """Yield a new folder with a short path, for unix sockets want one."""
    folder = Path(tempfile.mkdtemp(prefix="ibstack-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cpu_s(pids: Iterable[int]) -> float:
    """Return the CPU time of *pids* and of this process with the children that it waited for."""
    own = sum(os.times()[:4])
    return own + sum(map(_of_process, pids))


def _of_process(pid: int) -> float:
    """Return the CPU time of the threads that *pid* has; they are told in nanoseconds (proc(5))."""
    total = 0
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0])
    return total * _NANOSECONDS


def _own_stdout() -> IO[str]:
    """Keep stdout for the answers: what else is printed goes to stderr, of children too."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _say(answers: IO[str], what: object) -> None:
    print(json.dumps(what), file=answers, flush=True)
