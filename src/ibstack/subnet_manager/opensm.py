# SPDX-License-Identifier: Apache-2.0
"""The OpenSM process on this host: finding it, making it read its partitions file again.

Seen on OpenSM 3.3.23: SIGHUP starts a heavy sweep, which reads the file; a burst of signals is
coalesced and the last change is never lost; a SIGHUP that comes before OpenSM has installed its
handler ends the process, so it is not sent then.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import CommandFailed, TryLater

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAM: Final = "opensm"
_DEFAULT_CONFIG: Final = Path("/etc/opensm/opensm.conf")
_DEFAULT_PARTITIONS: Final = Path("/etc/opensm/partitions.conf")
_COMMAND_TIMEOUT_S: Final = 10


@dataclass(frozen=True, slots=True)
class OpenSm:
    """The OpenSM that reads *partitions_conf*."""

    partitions_conf: Path
    pid_file: Path | None = None
    """Where its process id is, if anything writes one; else it is looked for in *proc*."""
    reload_command: tuple[str, ...] = ()
    """Run instead of sending SIGHUP, without a shell: for an OpenSM in a container, say."""
    proc: Path = Path("/proc")

    def reload(self) -> None:
        """Make it read the file.  TryLater where it does not run, or is not ready for a signal."""
        if self.reload_command:
            self._run()
            return
        pid = self.pid()
        if pid is None:
            raise TryLater(
                f"cannot reload OpenSM: none runs here that reads {self.partitions_conf}; start it,"
                " or set opensm_pid_file or reload_command"
            )
        if not _catches(self.proc / str(pid), signal.SIGHUP):
            raise TryLater(f"cannot reload OpenSM: process {pid} has only just started")
        try:
            os.kill(pid, signal.SIGHUP)
        except ProcessLookupError:
            raise TryLater(f"cannot reload OpenSM: process {pid} has just ended") from None
        except PermissionError:
            raise TryLater(
                f"cannot reload OpenSM: this user may not send a signal to process {pid}; run"
                " ibstack-fabricd as the same user, or set reload_command"
            ) from None

    def pid(self) -> int | None:
        """Return its process id; None where it does not run."""
        if self.pid_file is not None:
            return self._pid_from_file(self.pid_file)
        return next(self._pids(), None)

    def knows_vports(self) -> bool | None:
        """Tell whether it can serve the virtual ports of mlx5; None where it does not run.

        NVIDIA's OpenSM has the option virt_enabled; upstream's has no code for virtual ports at
        all (linux-rdma/opensm issue 22).
        """
        pid = self.pid()
        if pid is None:
            return None
        folder = self.proc / str(pid)
        for program in (folder / "exe", Path(_words(folder)[0])):
            try:
                return b"virt_enabled" in program.read_bytes()
            except OSError:
                continue  # Another user's, or one with more capabilities: proc(5), ptrace access.
        return None

    def _run(self) -> None:
        doing = "reload OpenSM with reload_command"
        try:
            done = subprocess.run(
                self.reload_command,
                capture_output=True,
                check=False,
                env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=_COMMAND_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            said = f"did not end within {_COMMAND_TIMEOUT_S} s"
            raise CommandFailed(self.reload_command, 124, said, doing) from None
        except OSError as error:
            raise CommandFailed(self.reload_command, 127, str(error), doing) from error
        if done.returncode:
            raise CommandFailed(self.reload_command, done.returncode, done.stderr, doing)

    def _pid_from_file(self, pid_file: Path) -> int | None:
        try:
            pid = int(pid_file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        # A number that was left behind may be anybody's by now.
        return pid if _is_opensm(self.proc / str(pid)) else None

    def _pids(self) -> Iterator[int]:
        wanted = self.partitions_conf.resolve()
        for folder in sorted(self.proc.iterdir()):
            if folder.name.isdigit() and _is_opensm(folder) and _reads(folder) == wanted:
                yield int(folder.name)


def _is_opensm(folder: Path) -> bool:
    try:
        return (folder / "comm").read_text().strip() == _PROGRAM
    except OSError:
        return False


def _reads(folder: Path) -> Path:
    """Return the partitions file of an OpenSM: by option, by its configuration, or by default."""
    argv = _words(folder)
    try:
        cwd = (folder / "cwd").readlink()
    except OSError:
        cwd = Path("/")  # It may not be looked at; a service is started there.
    told = _option(argv, "-P", "--Pconfig")
    if told is None:
        config = cwd / (_option(argv, "-F", "--config") or _DEFAULT_CONFIG)
        told = _configured(config) or str(_DEFAULT_PARTITIONS)
    return (cwd / told).resolve()


def _words(folder: Path) -> list[str]:
    """Return the command line of a process, which anyone may read; [""] where it has gone."""
    try:
        return (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return [""]


def _option(argv: list[str], short: str, long: str) -> str | None:
    """Return the value of an option in any of getopt_long's forms."""
    for word, after in zip(argv, [*argv[1:], ""], strict=True):
        if word in {short, long}:
            return after or None
        if word.startswith(f"{long}="):
            return word.removeprefix(f"{long}=")
        if word.startswith(short) and not word.startswith("--"):
            return word.removeprefix(short)
    return None


def _configured(config: Path) -> str | None:
    try:
        lines = config.read_text(errors="replace").splitlines()
    except OSError:
        return None
    words = (line.split() for line in lines)
    return next((w[1] for w in words if len(w) > 1 and w[0] == "partition_config_file"), None)


def _catches(folder: Path, number: int) -> bool:
    """Say whether a process has a handler for a signal (proc(5), SigCgt)."""
    try:
        lines = (folder / "status").read_text().splitlines()
    except OSError:
        return False
    caught = next((int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:")), 0)
    return bool(caught >> (number - 1) & 1)
