# SPDX-License-Identifier: Apache-2.0
"""The lab's OpenSMs: real ones, on simulated wires that lose some answers.

On hardware the kernel gives a request back when nobody answered it; umad2sim never does, and an
OpenSM that waits for an answer never sweeps or reloads again.  Seen with OpenSM 3.3.23 and ibsim
0.10, and kept from happening here (tests/real/test_fabric.py):

* an OpenSM drops SMInfo requests in its first milliseconds: the others are held until it answers;
* one that is killed leaves the others' requests unanswered: the others are held for a moment first;
* a standby that ranks above the master tells it so by a trap, and ibsim drops the answer to traps:
  the master is ranked above whoever starts.  So one that comes back stays standby.
"""

from __future__ import annotations

import re
import signal
import time
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.formats.partitions_conf.writing import default_partition
from ibstack.mad import FabricReader, NotKnown, Route, SmInfo
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.netfile import SWITCH
from ibstack_lab.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ibstack_lab.fabric.wires import Wires
    from ibstack_lab.topology import Host

_HIGHEST_PRIORITY: Final = 15
# Linux queues 10 datagrams for a socket and ibsim drops the rest, so a busy machine could lose
# answers when more requests are out.  Large fabrics are for measuring.
_WIRE_SMPS, _WIRE_SMPS_OF_A_LARGE_FABRIC = 8, 32
_SMALL: Final = 200
_ANSWERS_WITHIN_S: Final = 0.2

# Every key that differs from OpenSM 3.3.23's own defaults (`opensm -c`).  The polling figures let
# a standby take over in about a second: 55 s with the defaults.
_OPENSM_CONF: Final = """\
guid 0x{guid:016x}
sm_priority {priority}
sminfo_polling_timeout 250
polling_retry_number 2
max_wire_smps {wire_smps}
partition_config_file {partitions}
log_file {log}
force_log_flush TRUE
dump_files_dir {folder}
sa_db_dump TRUE
fsync_high_avail_files FALSE
"""

_ROLE = re.compile(rb"Entering (MASTER|STANDBY|DISCOVERING|NOT-ACTIVE) state")


@dataclass(frozen=True)
class _OpenSm(Process):
    """It starts like any process, with what it needs around it."""

    starting: Callable[[], AbstractContextManager[None]] = nullcontext

    def start(self) -> None:
        if not self.running():
            with self.starting():
                Process.start(self)


class SubnetManagers:
    """The OpenSMs of one fabric.  All state is in files, below the fabric's folder."""

    def __init__(self, wires: Wires, log: Path, run: Path) -> None:
        self._wires = wires
        self._log = log
        self._run = run
        self._hosts = wires.topology.subnet_manager_hosts

    def process(self, host: str) -> Process:
        """Return the OpenSM of *host*, to start and to kill at any time."""
        folder = self._folder(host)
        caches = {"OSM_CACHE_DIR": str(folder), "OSM_TMP_DIR": str(folder)}
        return _OpenSm(
            f"opensm-{host}",
            ["opensm", "-F", str(folder / "opensm.conf")],
            self.log(host),
            self.pid_file(host),
            env={**self._wires.attach_env(host), **caches},
            cwd=folder / "clients",
            starting=lambda: self._starting(self._wires.topology.host(host)),
        )

    def start(self, host: str) -> None:
        """Start the OpenSM of *host*; return when it is master, and has swept, or standby."""
        process = self.process(host)
        seen = process.log.stat().st_size if process.log.exists() else 0
        if not process.running():
            process.start()
            process.wait_until(lambda: _has_a_role(_said(process.log, seen)), timeout_s=20)

    def kill(self, host: str) -> None:
        """End the OpenSM of *host* with SIGKILL, when it has answered what the others asked it."""
        process = self.process(host)
        with ExitStack() as held:
            for other in self._hosts:
                if other.name != host:
                    self._hold(held, other)
            time.sleep(_ANSWERS_WITHIN_S)
            process.signal(signal.SIGKILL)
            process.stop()

    def partitions_conf(self, host: str) -> Path:
        return self._folder(host) / "partitions.conf"

    def sa_dump(self, host: str) -> Path:
        return self._folder(host) / "opensm-sa.dump"

    def pid_file(self, host: str) -> Path:
        return self._run / f"opensm-{host}.pid"

    def log(self, host: str) -> Path:
        return self._log / f"opensm-{host}.log"

    def harden(self) -> None:
        """Put a hardened partitions file where there is none yet: OpenSM opens the fabric then."""
        text = "".join(default_partition(host.port_guid for host in self._hosts))
        for host in self._hosts:
            path = self.partitions_conf(host.name)
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                fresh = path.with_suffix(".new")
                fresh.write_text(text)
                fresh.rename(path)

    def _folder(self, host: str) -> Path:
        return self._wires.folder / host

    @contextmanager
    def _starting(self, host: Host) -> Iterator[None]:
        """Prepare what the OpenSM of *host* needs; hold the others until it answers."""
        self.harden()
        self._wires.client_cwd(host.name)
        self._wires.reap()  # A killed OpenSM would go on getting the traps meant for this one.
        priority = host.subnet_manager_priority or 0
        self._write_conf(host, priority)
        others = [other for other in self._hosts if other != host]
        with closing(Attachment(self._wires, SWITCH)) as attachment, ExitStack() as held:
            reader = FabricReader(attachment, timeout_s=0.02, tries=1)
            for other in others:
                self._hold(held, other)
                if self._is_master(other) and self._priority(other) <= priority:
                    held.close()
                    self._raise(other, reader)
                    self._hold(held, other)
            yield
            self.process(host.name).wait_until(
                lambda: self._ask(host, reader) is not None, timeout_s=10
            )

    def _hold(self, held: ExitStack, host: Host) -> None:
        process = self.process(host.name)
        held.callback(process.signal, signal.SIGCONT)
        process.signal(signal.SIGSTOP)

    def _raise(self, host: Host, reader: FabricReader) -> None:
        """Give the OpenSM of *host* the highest priority; it reads its file on SIGHUP."""
        self._write_conf(host, _HIGHEST_PRIORITY)
        process = self.process(host.name)
        process.signal(signal.SIGHUP)

        def raised() -> bool:
            found = self._ask(host, reader)
            return found is not None and found.priority == _HIGHEST_PRIORITY

        process.wait_until(raised, timeout_s=10)

    def _ask(self, host: Host, reader: FabricReader) -> SmInfo | None:
        found = reader.subnet_manager_at(Route(self._wires.route_from_switch(host.name)))
        return None if isinstance(found, NotKnown) else found

    def _is_master(self, host: Host) -> bool:
        """Say whether the OpenSM of *host*, which may be held, runs as master."""
        if not self.process(host.name).running():
            return False
        roles = _ROLE.findall(_said(self.log(host.name), 0))
        return bool(roles) and roles[-1] == b"MASTER"

    def _priority(self, host: Host) -> int:
        text = (self._folder(host.name) / "opensm.conf").read_text()
        found = re.search(r"^sm_priority (\d+)$", text, re.M)
        return int(found.group(1)) if found else 0

    def _write_conf(self, host: Host, priority: int) -> None:
        small = len(self._wires.topology.hosts) <= _SMALL
        path = self._folder(host.name) / "opensm.conf"
        fresh = path.with_suffix(".new")
        fresh.write_text(
            _OPENSM_CONF.format(
                guid=host.port_guid.value,
                priority=priority,
                wire_smps=_WIRE_SMPS if small else _WIRE_SMPS_OF_A_LARGE_FABRIC,
                partitions=self.partitions_conf(host.name),
                log=self.log(host.name),
                folder=path.parent,
            )
        )
        fresh.rename(path)


def _has_a_role(said: bytes) -> bool:
    """Say whether OpenSM has become master or standby: both are logged at its default level."""
    return b"Entering STANDBY state" in said or b"SUBNET UP" in said


def _said(log: Path, start: int) -> bytes:
    with log.open("rb") as file:
        file.seek(start)
        return file.read()
