# SPDX-License-Identifier: Apache-2.0
"""The lab's fabric: real OpenSMs, on wires that ibsim simulates and that lose some answers.

All state is in files, so that any later process constructs the same `Fabric` and uses every verb.

On hardware the kernel gives a request back when nobody answered it; umad2sim never does, and an
OpenSM that waits for an answer never sweeps or reloads again.  Seen with OpenSM 3.3.23 and ibsim
0.10, and kept from happening here (tests/real/test_fabric.py):

* an OpenSM drops SMInfo requests in its first milliseconds: the others are held until it answers;
* one that is killed leaves the others' requests unanswered: the others are held for a moment first;
* a standby that ranks above the master tells it so by a trap, and ibsim drops the answer to traps:
  the master is ranked above whoever starts.  So one that comes back stays standby.
"""

from __future__ import annotations

import hashlib
import re
import signal
import time
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.formats.partitions_conf.writing import default_partition
from ibstack.mad import FabricReader, NotKnown, Route, SmInfo
from ibstack.runtime.atomic_file import replace_file
from ibstack_lab import topology
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.netfile import SWITCH
from ibstack_lab.fabric.wires import FabricFailed, Wires
from ibstack_lab.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ibstack_lab.topology import Host, Topology

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


class Fabric(Wires):
    """ibsim and the OpenSMs of one lab."""

    @classmethod
    def of_lab(cls, lab: Path, topology: Topology) -> Fabric:
        """Return the fabric of the lab in folder *lab*, under a name that no other lab has."""
        # The whole path, resolved: the name must be the same for each process of one lab.
        digest = hashlib.sha256(str(lab.resolve()).encode()).hexdigest()
        return cls(lab / "fabric", topology, name=f"ibstack-{digest[:12]}")

    @classmethod
    def of_running_lab(cls, lab: Path) -> Fabric:
        """Return the fabric of a lab that has been started, with the topology it was started with.

        Raises FabricFailed where there is none.
        """
        try:
            text = (lab / "fabric" / "topology.json").read_text()
        except FileNotFoundError as error:
            raise FabricFailed(f"cannot find a fabric in {lab}: start the lab") from error
        return cls.of_lab(lab, topology.load(text))

    def start(self, *, enforcement_cap: int | None = None) -> None:
        """Start the wires, with no subnet manager but with a hardened partitions file of each."""
        if not self.simulator.running():
            self._harden()
        super().start(enforcement_cap=enforcement_cap)

    def stop(self) -> None:
        """Stop the subnet managers and the wires."""
        for host in self.topology.subnet_manager_hosts:
            self.stop_subnet_manager(host.name)
        super().stop()

    def subnet_manager(self, host: str) -> Process:
        """Return the OpenSM of *host* as a process, to start and to kill at any time."""
        folder = self._folder(host)
        caches = {"OSM_CACHE_DIR": str(folder), "OSM_TMP_DIR": str(folder)}
        return _OpenSm(
            f"opensm-{host}",
            ["opensm", "-F", str(folder / "opensm.conf")],
            self.opensm_log(host),
            self.opensm_pid_file(host),
            env={**self.attach_env(host), **caches},
            cwd=folder / "clients",
            starting=lambda: self._starting(self.topology.host(host)),
        )

    def start_subnet_manager(self, host: str) -> None:
        """Start the OpenSM of *host*, also after it was killed; return when it has a role.

        It is master then, and has swept, or standby: while another is master it becomes that,
        whatever its priority.
        """
        process = self.subnet_manager(host)
        seen = process.log.stat().st_size if process.log.exists() else 0
        if not process.running():
            process.start()
            process.wait_until(lambda: _has_a_role(_said(process.log, seen)), timeout_s=20)

    def stop_subnet_manager(self, host: str) -> None:
        self.subnet_manager(host).stop()

    def kill_subnet_manager(self, host: str) -> None:
        """End the OpenSM of *host* as a crash would, with SIGKILL.

        It has answered then what the others asked it.
        """
        process = self.subnet_manager(host)
        with ExitStack() as held:
            for other in self.topology.subnet_manager_hosts:
                if other.name != host:
                    self._hold(held, other)
            time.sleep(_ANSWERS_WITHIN_S)
            process.signal(signal.SIGKILL)
            process.stop()

    def partitions_conf(self, host: str) -> Path:
        """Return the partitions file of the OpenSM on *host*: hardened from the beginning."""
        return self._folder(host) / "partitions.conf"

    def sa_dump(self, host: str) -> Path:
        """Return the file in which the OpenSM on *host* writes its multicast groups down."""
        return self._folder(host) / "opensm-sa.dump"

    def opensm_pid_file(self, host: str) -> Path:
        """Return the file whose first word is the process id of the OpenSM on *host*."""
        return self._run / f"opensm-{host}.pid"

    def opensm_log(self, host: str) -> Path:
        return self._log / f"opensm-{host}.log"

    def _harden(self) -> None:
        """Put a hardened partitions file where there is none yet: OpenSM opens the fabric then."""
        hosts = self.topology.subnet_manager_hosts
        text = "".join(default_partition(host.port_guid for host in hosts))
        for host in hosts:
            path = self.partitions_conf(host.name)
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, text)

    def _folder(self, host: str) -> Path:
        return self.folder / host

    @contextmanager
    def _starting(self, host: Host) -> Iterator[None]:
        """Prepare what the OpenSM of *host* needs; hold the others until it answers."""
        self._harden()
        self.client_cwd(host.name)
        self.reap()  # A killed OpenSM would go on getting the traps meant for this one.
        priority = host.subnet_manager_priority or 0
        self._write_conf(host, priority)
        others = [other for other in self.topology.subnet_manager_hosts if other != host]
        with closing(Attachment(self, SWITCH)) as attachment, ExitStack() as held:
            reader = FabricReader(attachment, timeout_s=0.02, tries=1)
            for other in others:
                self._hold(held, other)
                if self._is_master(other) and self._priority(other) <= priority:
                    held.close()
                    self._raise(other, reader)
                    self._hold(held, other)
            yield
            self.subnet_manager(host.name).wait_until(
                lambda: self._ask(host, reader) is not None, timeout_s=10
            )

    def _hold(self, held: ExitStack, host: Host) -> None:
        process = self.subnet_manager(host.name)
        held.callback(process.signal, signal.SIGCONT)
        process.signal(signal.SIGSTOP)

    def _raise(self, host: Host, reader: FabricReader) -> None:
        """Give the OpenSM of *host* the highest priority; it reads its file on SIGHUP."""
        self._write_conf(host, _HIGHEST_PRIORITY)
        process = self.subnet_manager(host.name)
        process.signal(signal.SIGHUP)

        def raised() -> bool:
            found = self._ask(host, reader)
            return found is not None and found.priority == _HIGHEST_PRIORITY

        process.wait_until(raised, timeout_s=10)

    def _ask(self, host: Host, reader: FabricReader) -> SmInfo | None:
        found = reader.subnet_manager_at(Route(self.route_from_switch(host.name)))
        return None if isinstance(found, NotKnown) else found

    def _is_master(self, host: Host) -> bool:
        """Say whether the OpenSM of *host*, which may be held, runs as master."""
        if not self.subnet_manager(host.name).running():
            return False
        roles = _ROLE.findall(_said(self.opensm_log(host.name), 0))
        return bool(roles) and roles[-1] == b"MASTER"

    def _priority(self, host: Host) -> int:
        text = (self._folder(host.name) / "opensm.conf").read_text()
        found = re.search(r"^sm_priority (\d+)$", text, re.M)
        return int(found.group(1)) if found else 0

    def _write_conf(self, host: Host, priority: int) -> None:
        small = len(self.topology.hosts) <= _SMALL
        path = self._folder(host.name) / "opensm.conf"
        replace_file(
            path,
            _OPENSM_CONF.format(
                guid=host.port_guid.value,
                priority=priority,
                wire_smps=_WIRE_SMPS if small else _WIRE_SMPS_OF_A_LARGE_FABRIC,
                partitions=self.partitions_conf(host.name),
                log=self.opensm_log(host.name),
                folder=path.parent,
            ),
        )


def _has_a_role(said: bytes) -> bool:
    """Say whether OpenSM has become master or standby: both are logged at its default level."""
    return b"Entering STANDBY state" in said or b"SUBNET UP" in said


def _said(log: Path, start: int) -> bytes:
    with log.open("rb") as file:
        file.seek(start)
        return file.read()


__all__ = ["SWITCH", "Fabric", "FabricFailed"]
