# SPDX-License-Identifier: Apache-2.0
"""The OpenSM processes on this host that read one partitions file: making them read it again.

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
from typing import Final

from ibstack.fabric.errors import CommandFailed, TryLater
from ibstack.subnet_manager.opensm.process import OpenSmProcess

_COMMAND_TIMEOUT_S: Final = 10


@dataclass(frozen=True, slots=True)
class OpenSmProcesses:
    """Every OpenSM that reads *partitions_conf*."""

    partitions_conf: Path
    pid_file: Path | None = None
    """Where its process id is, if anything writes one; else it is looked for in *proc*."""
    reload_command: tuple[str, ...] = ()
    """Run instead of sending SIGHUP, without a shell: for an OpenSM in a container, say."""
    proc: Path = Path("/proc")

    def reload(self) -> None:
        """Make every one that reads the file read it again: Debian starts one for each port.

        TryLater where none runs, or not all could be told; those that could have been.
        """
        if self.reload_command:
            self._run()
            return
        processes = self.processes()
        if not processes:
            raise TryLater(
                f"cannot reload OpenSM: none runs here that reads {self.partitions_conf}"
                f"{self._strangers()}; start it, or set opensm_pid_file or reload_command"
            )
        troubles = {each.pid: why for each in processes if (why := _hang_up(each)) is not None}
        gone = [each.pid for each in processes if each.pid in troubles and not each.is_opensm()]
        if len(gone) == len(processes):
            raise TryLater(f"cannot reload OpenSM: process {gone[0]} has just ended")
        left = [why for pid, why in troubles.items() if pid not in gone]
        if left:
            raise TryLater(f"cannot reload OpenSM: {'; '.join(left)}")

    def processes(self) -> list[OpenSmProcess]:
        """Return those that read the file, by process id; where none is known to, who may.

        Each is root's or this user's: a local user may name a process as they like, and the signal
        that a stranger took would look like one that OpenSM has.
        """
        if self.pid_file is not None:
            return self._from_file(self.pid_file)
        running = [each for each in self._running() if each.is_of(_own_users())]
        answers = [(each, each.reads(self.partitions_conf)) for each in running]
        known = [each for each, reads in answers if reads]
        # A signal to one that reads another file is one more sweep, and the proof tells.
        return known or [each for each, reads in answers if reads is None]

    def knows_vports(self) -> bool | None:
        """Tell whether it can serve the virtual ports of mlx5; None where it does not run.

        NVIDIA's OpenSM has the option virt_enabled; upstream's has no code for virtual ports at
        all (linux-rdma/opensm issue 22).
        """
        answers = [each.program_holds(b"virt_enabled") for each in self.processes()]
        return None if not answers or None in answers else all(answers)

    def _running(self) -> list[OpenSmProcess]:
        found = [OpenSmProcess(each) for each in self.proc.iterdir() if each.name.isdigit()]
        return sorted((each for each in found if each.is_opensm()), key=lambda each: each.pid)

    def _strangers(self) -> str:
        """Return a remark on processes of that name that are other users'."""
        if self.pid_file is not None:
            return ""
        pids = [str(each.pid) for each in self._running() if not each.is_of(_own_users())]
        if not pids:
            return ""
        return (
            f" as root or as ibstack-fabricd's user (process {', '.join(pids)} is named opensm and"
            " is another user's, or its program is for others to write)"
        )

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

    def _from_file(self, pid_file: Path) -> list[OpenSmProcess]:
        try:
            with pid_file.open() as file:
                pid, writer = int(file.read(64).split()[0]), os.fstat(file.fileno()).st_uid
        except (OSError, ValueError, IndexError):
            return []
        # A number that was left behind may be anybody's by now.  Who wrote it may run OpenSM.
        found = OpenSmProcess(self.proc / str(pid))
        return [found] if found.is_opensm() and found.is_of({*_own_users(), writer}) else []


def _own_users() -> frozenset[int]:
    return frozenset({0, os.geteuid()})


def _hang_up(process: OpenSmProcess) -> str | None:
    """Send SIGHUP; return why that cannot be done, or was in vain."""
    if not process.catches(signal.SIGHUP):
        return f"process {process.pid} has only just started"
    try:
        os.kill(process.pid, signal.SIGHUP)
    except ProcessLookupError:
        return f"process {process.pid} has just ended"
    except PermissionError:
        return (
            f"this user may not send a signal to process {process.pid}; run ibstack-fabricd as the"
            " same user, or set reload_command"
        )
    return None
