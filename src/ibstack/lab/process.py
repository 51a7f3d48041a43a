# SPDX-License-Identifier: Apache-2.0
"""The lab's processes: each with a log and a pid file, so that a later command finds them again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TAIL_LINES = 15


@dataclass(eq=False)
class ProcessFailed(IbstackError):
    """A process of the lab ended, or did not become ready in time."""

    name: str
    what: str
    log: Path

    def __str__(self) -> str:
        lines = tail(self.log, _TAIL_LINES)
        return f"cannot run {self.name}: {self.what}; the last lines of {self.log}:\n{lines}"


def tail(log: Path, lines: int) -> str:
    """Return the last *lines* of *log*, indented; a sentence where it is empty or missing."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (nothing)"


@dataclass(frozen=True)
class Process:
    """One long-lived process of the lab, known by its name and its pid file."""

    name: str
    argv: Sequence[str]
    log: Path
    pid_file: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the caller's environment."""
    cwd: Path | None = None

    def start(self) -> None:
        """Start it in a session of its own; do nothing where it runs."""
        if self.running():
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                list(self.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                cwd=self.cwd,
                start_new_session=True,
            )
        # The start time tells this process from a later one that was given the same id.
        self.pid_file.write_text(f"{child.pid} {_start_time(child.pid)}\n")

    def pid(self) -> int | None:
        """Return the id of the running process, None where it does not run."""
        try:
            pid, started = self.pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        _reap(int(pid))
        return int(pid) if _start_time(int(pid)) == started else None

    def running(self) -> bool:
        return self.pid() is not None

    def signal(self, number: int) -> None:
        pid = self.pid()
        if pid is not None:
            os.kill(pid, number)

    def stop(self, timeout_s: float = 15) -> None:
        """End it and all of its session: politely, then by force."""
        pid = self.pid()
        if pid is not None:
            self._end(pid, signal.SIGTERM, timeout_s) or self._end(pid, signal.SIGKILL, timeout_s)
            _kill_group(pid, signal.SIGKILL)
        self.pid_file.unlink(missing_ok=True)

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Return when *ready* says so; ProcessFailed where the process ends or time runs out."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.running():
                raise ProcessFailed(self.name, "it ended", self.log)
            if time.monotonic() > deadline:
                raise ProcessFailed(self.name, f"not ready after {timeout_s:g} s", self.log)
            time.sleep(0.05)

    def _end(self, pid: int, number: int, timeout_s: float) -> bool:
        _kill_group(pid, number)
        deadline = time.monotonic() + timeout_s
        while self.running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _kill_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    """Collect the process if it is a child of ours that ended: a zombie does not run."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _start_time(pid: int) -> str | None:
    """Return field 22 of /proc/PID/stat; None for no process, and for a zombie (proc(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]
