# SPDX-License-Identifier: Apache-2.0
"""The lab's processes: each with a log and a pid file, so that a later command finds them again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ibstack.fabric.errors import CommandFailed, IbstackError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_TAIL_LINES = 15
_KILLED_WITHIN_S = 5
_POLITELY_S = 1.5
"""For a process whose data go away with it."""
_MARK = "IBSTACK_LAB_PROCESS"
"""Set in the environment of every process of a lab, to the path of its pid file."""


def output_of(
    argv: Sequence[str],
    doing: str,
    *,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    told: str | None = None,
) -> str:
    """Run *argv* to its end, and return what it printed; CommandFailed "cannot *doing*: …".

    *env*: what its environment has beside ours.  *told*: its standard input.
    """
    done = subprocess.run(
        argv,
        input=told,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(tuple(argv), done.returncode, done.stderr, doing)
    return done.stdout


@dataclass(eq=False)
class ProcessFailed(IbstackError):
    """A process of the lab ended, or did not become ready in time."""

    name: str
    what: str
    log: Path
    lines: str = ""
    """The last lines of the log, read when it failed."""

    def __post_init__(self) -> None:
        self.lines = tail(self.log, _TAIL_LINES)

    def __str__(self) -> str:
        return f"cannot run {self.name}: {self.what}; the last lines of {self.log}:\n{self.lines}"


def tail(log: Path, lines: int) -> str:
    """Return the last *lines* of *log*, indented; a sentence where it is empty or missing."""
    return last_lines(log.read_text(errors="replace") if log.exists() else "", lines)


def last_lines(text: str, lines: int) -> str:
    """Return the last *lines* of *text*, indented; a sentence where it is empty."""
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
        if self.pid_file.exists():
            self.stop()  # It was killed: what it left would go on beside the new one.
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        child = self._execute()
        # The start time tells this process from a later one that was given the same id.
        self.pid_file.write_text(f"{child.pid} {_start_time(child.pid)}\n")
        # From here on the pid file knows it, not this object: which would warn that it still runs.
        child.returncode = 0

    @property
    def mark(self) -> dict[str, str]:
        """What in its environment makes a program one that ends with the lab."""
        return {_MARK: str(self.pid_file.resolve())}

    def _execute(self) -> subprocess.Popen[bytes]:
        try:
            with self.log.open("ab") as log:
                return subprocess.Popen(
                    list(self.argv),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **self.env, **self.mark},
                    cwd=self.cwd,
                    start_new_session=True,
                )
        except FileNotFoundError as error:
            what = f"there is no {error.filename}; install its package"
            raise ProcessFailed(self.name, what, self.log) from error

    def pid(self) -> int | None:
        """Return the id of the running process, None where it does not run."""
        recorded = self._recorded()
        if recorded is None:
            return None
        pid, started = recorded
        _reap(pid)
        return pid if _start_time(pid) == started else None

    def _recorded(self) -> tuple[int, str] | None:
        """Return the id that the pid file holds, and when that process started (clock ticks)."""
        try:
            pid, started = self.pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid), started

    def running(self) -> bool:
        return self.pid() is not None

    def signal(self, number: int) -> None:
        pid = self.pid()
        if pid is not None:
            os.kill(pid, number)

    def stop(self, timeout_s: float = 15) -> None:
        """End it and whatever it left running: politely, then by force."""
        recorded = self._recorded()
        pid = self.pid()
        if pid is not None:
            self._end(pid, signal.SIGTERM, timeout_s) or self._end(pid, signal.SIGKILL, timeout_s)
        if recorded is not None:
            _kill(_session(*recorded))
        _kill(_marked(str(self.pid_file.resolve())))
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
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else fields[19]


def _stat(pid: int) -> list[str] | None:
    """Return /proc/PID/stat from its third field on."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return stat.rpartition(")")[2].split()


def _session(leader: int, started: str) -> list[int]:
    """Return who is left of the session that *leader* began.

    The kernel gives a number to nobody else while a session has it, so a process that has the
    leader's number and another start time shows that this session is over.
    """
    if _start_time(leader) not in (None, started):
        return []
    return [pid for pid in _pids() if (fields := _stat(pid)) and fields[3] == str(leader)]


def _marked(pid_file: str) -> list[int]:
    """Return the processes whose mark starts with *pid_file*.

    A mark finds those that began a session of their own (Erlang's erl_child_setup).  It is lost
    in a process that writes its title over its environment (Neutron's workers): those are found
    by their session.
    """
    mark = f"{_MARK}={pid_file}".encode()
    return [
        pid
        for pid in _pids()
        if any(entry.startswith(mark) for entry in _environment(pid).split(b"\0"))
    ]


def end_all(pid_files: Path) -> None:
    """End every process whose pid file is, or was, in the folder *pid_files*."""
    found = sorted(pid_files.glob("*.pid"))
    with ThreadPoolExecutor(max_workers=len(found) + 1) as pool:
        for ended in [pool.submit(_end_recorded, pid_file) for pid_file in found]:
            ended.result()
    _kill(_marked(f"{pid_files.resolve()}{os.sep}"))


def _end_recorded(pid_file: Path) -> None:
    Process(pid_file.stem, (), Path(os.devnull), pid_file).stop(timeout_s=_POLITELY_S)


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _KILLED_WITHIN_S
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    _reap(pid)
    return _start_time(pid) is not None
