# SPDX-License-Identifier: Apache-2.0
"""The lab's fabric: wires simulated by ibsim, and real OpenSMs that manage them.

All state is in files, so that any later process constructs the same `Fabric` and uses every verb.
Seen with ibsim 0.10 (Debian 12): `-n` means "no console" (not "net file"), a console line holds at
most 127 characters, at most 10 clients may be attached at a time, and a client that was killed
keeps its place until it is thrown out: `reap()`.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import signal
import time
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError
from ibstack.fabric.guid import Guid
from ibstack.lab import topology_file
from ibstack.lab.attachment import Attachment
from ibstack.lab.netfile import SWITCH, wiring
from ibstack.lab.process import Process
from ibstack.mad import FabricReader, NotKnown, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ibstack.lab.topology import Host, Topology

_PRELOAD: Final = "/usr/lib/x86_64-linux-gnu/umad2sim/libumad2sim.so"
_PROMPT: Final = b"sim> "
_CONSOLE_LINE: Final = 127
_ATTACHED = re.compile(r"Client (\d+): pid (\d+) connected")
# Linux queues 10 datagrams for a socket and ibsim drops the rest; umad2sim never gives a lost
# request back, so a busy machine could stop OpenSM for ever.  Large fabrics are for measuring.
_SMALL: Final = 200
_NODE_GUID = re.compile(r"nodeguid ([0-9a-f]+)")

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
fsync_high_avail_files FALSE
"""

# OpenSM opens the whole fabric where this file is missing, so it is there before OpenSM is.
_HARDENED: Final = "Default=0x7fff,indx0,defmember=limited: ALL=limited, ALL_SWITCHES=full, {full};"


class FabricFailed(IbstackError):
    """The simulated fabric did not do what it was told."""


@dataclass(frozen=True)
class _SubnetManager(Process):
    """An OpenSM: it starts like any process, with what it needs around it."""

    starting: Callable[[], AbstractContextManager[None]] = nullcontext

    def start(self) -> None:
        if not self.running():
            with self.starting():
                Process.start(self)


class Fabric:
    """ibsim and the OpenSMs of one lab.

    *folder* is `<lab>/fabric`; logs go to `<lab>/log`, pid files to `<lab>/run`.  *name* keeps
    the abstract sockets of several fabrics on one machine apart (IBSIM_SOCKNAME).
    """

    def __init__(self, folder: Path, topology: Topology, *, name: str) -> None:
        self.folder = folder
        self.topology = topology
        self.name = name
        self._wiring = wiring(topology)
        self._console_path = folder / "console"
        self._log = folder.parent / "log"
        self._run = folder.parent / "run"

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
        return cls.of_lab(lab, topology_file.load(text))

    # The wires.

    @property
    def simulator(self) -> Process:
        """ibsim, with a FIFO as its console."""
        nodes = len(self._wiring.cables) + len(self._wiring.leaves) + 8
        ports = 4 * nodes + 4096
        # Opened for reading and writing, a FIFO never ends, however many writers come and go.
        script = 'exec ibsim -s -N "$1" -S "$1" -P "$2" "$3" <>"$4"'
        files = str(self.folder / "net"), str(self._console_path)
        return Process(
            "ibsim",
            ["sh", "-c", script, "ibsim", str(max(nodes, 256)), str(ports), *files],
            self._log / "ibsim.log",
            self._run / "ibsim.pid",
            env={"IBSIM_SOCKNAME": self.name},
        )

    def start(self) -> None:
        """Start the wires, with no subnet manager; do nothing where they run."""
        if self.simulator.running():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "net").write_text(self._wiring.net_file())
        (self.folder / "topology.json").write_text(topology_file.dump(self.topology))
        if not self._console_path.exists():
            os.mkfifo(self._console_path, 0o600)
        for host in self.topology.subnet_manager_hosts:
            self._harden(host)
        self.simulator.log.parent.mkdir(parents=True, exist_ok=True)
        self.simulator.log.write_bytes(b"")
        self.simulator.start()
        self.simulator.wait_until(lambda: _PROMPT in self.simulator.log.read_bytes(), timeout_s=15)

    def stop(self) -> None:
        """Stop the subnet managers and the wires; leave nothing running and no scratch files."""
        for host in self.topology.subnet_manager_hosts:
            self.stop_subnet_manager(host.name)
        self.simulator.stop()
        self._console_path.unlink(missing_ok=True)
        self._sweep_scratch()

    def link(self, node: str) -> None:
        """Plug *node* (a host's name, or `host.vf_node(n)`) into its switch port."""
        cable = self._wiring.cables[node]
        self._console(f'Link "{node}"[1] "{cable.switch}"[{cable.switch_port}]', f"link {node}")

    def unlink(self, node: str) -> None:
        """Pull the cable of *node*."""
        self._console(f'Unlink "{node}"[1]', f"unlink {node}")

    def set_guid(self, node: str, guid: Guid) -> None:
        """Give port 1 of *node* the port GUID *guid*.  Unlink it first: no trap tells OpenSM."""
        # ibsim takes the node's GUID, and gives port N that GUID plus N.
        self._console(f'Guid "{node}" 0x{guid.value - 1:x}', f"set the GUID of {node}")

    def linked(self, node: str) -> bool:
        """Say whether the cable of *node* is plugged in."""
        return self.linked_guid(node) is not None

    def linked_guid(self, node: str) -> Guid | None:
        """Return the port GUID of *node*, None where its cable is not plugged in."""
        dump = self._console(f'Dump "{node}"', f"look at {node}")
        found = _NODE_GUID.search(dump)
        if found is None or f'"{self._wiring.cables[node].switch}"[' not in dump:
            return None
        return Guid(int(found.group(1), 16) + 1)

    def reset(self, node: str) -> None:
        """Pull the cable of *node*, if it is plugged in, and forget its LID."""
        self._console(f'Clear "{node}"[1]', f"reset {node}")

    def route_from_switch(self, node: str) -> tuple[int, ...]:
        """Return the directed route from the switch named SWITCH to *node*."""
        return self._wiring.route_from_switch(node)

    def reap(self) -> None:
        """Throw out clients that are gone: ibsim has room for 10, and never looks."""
        attached = _ATTACHED.findall(self._console("Attached", "list the clients"))
        alive = Path("/proc/net/unix").read_text()
        for client, name in attached:
            if f"@{self.name}:in{name}@" not in alive:
                self._console(f"X {client}", f"disconnect client {client}")

    # Its clients.

    def client_env(self, host: str) -> dict[str, str]:
        """Return what makes libibumad in a process speak to the fabric from the port of *host*.

        Run the process in `client_cwd(host)`: umad2sim keeps a folder sys-<pid> there, and leaves
        it where the process is killed.
        """
        if self.simulator.running():
            self.reap()
        return {
            "LD_PRELOAD": _PRELOAD,
            "SIM_HOST": host,
            "IBSIM_SOCKNAME": self.name,
        }

    def client_cwd(self, host: str) -> Path:
        """Return the scratch folder for clients at *host*, swept of what killed ones left."""
        folder = self.folder / host / "clients"
        folder.mkdir(parents=True, exist_ok=True)
        self._sweep_scratch()
        return folder

    # The subnet managers.

    def partitions_conf(self, host: str) -> Path:
        """Return the partitions file of the OpenSM on *host*."""
        return self.folder / host / "partitions.conf"

    def opensm_pid_file(self, host: str) -> Path:
        """Return the file whose first word is the process id of the OpenSM on *host*."""
        return self._run / f"opensm-{host}.pid"

    def opensm_log(self, host: str) -> Path:
        return self._log / f"opensm-{host}.log"

    def subnet_manager(self, host: str) -> Process:
        """Return the OpenSM of *host* as a process, to start and to kill at any time."""
        folder = self.folder / host
        caches = {"OSM_CACHE_DIR": str(folder), "OSM_TMP_DIR": str(folder)}
        client = {"LD_PRELOAD": _PRELOAD, "SIM_HOST": host, "IBSIM_SOCKNAME": self.name}
        return _SubnetManager(
            f"opensm-{host}",
            ["opensm", "-F", str(folder / "opensm.conf")],
            self.opensm_log(host),
            self.opensm_pid_file(host),
            env={**client, **caches},
            cwd=folder / "clients",
            starting=lambda: self._starting(host),
        )

    def start_subnet_manager(self, host: str) -> None:
        """Start the OpenSM of *host*, also after it was killed; return when it has a role."""
        process = self.subnet_manager(host)
        seen = process.log.stat().st_size if process.log.exists() else 0
        if not process.running():
            process.start()
            process.wait_until(lambda: _entered_a_role(process.log, seen), timeout_s=20)

    @contextmanager
    def _starting(self, host: str) -> Iterator[None]:
        """Prepare what the OpenSM of *host* needs; hold the others until it answers.

        An OpenSM drops SMInfo requests in the first milliseconds.  On hardware the kernel would
        give the other's request back after a time; umad2sim never does, and the other would wait
        for ever, with no sweep and no reload any more.
        """
        self._harden(self.topology.host(host))
        self.reap()  # A killed OpenSM would go on getting the traps meant for this one.
        self.client_cwd(host)
        (self.folder / host / "opensm.conf").write_text(self._opensm_conf(host))
        names = [h.name for h in self.topology.subnet_manager_hosts if h.name != host]
        others = [self.subnet_manager(name) for name in names]
        with ExitStack() as held:
            for other in others:
                held.callback(other.signal, signal.SIGCONT)
                other.signal(signal.SIGSTOP)
            yield
            self._wait_until_it_answers(host)

    def _wait_until_it_answers(self, host: str) -> None:
        process = self.subnet_manager(host)
        way = Route(self.route_from_switch(host))
        with closing(Attachment(self, SWITCH)) as attachment:
            reader = FabricReader(attachment, timeout_s=0.02, tries=1)
            process.wait_until(
                lambda: not isinstance(reader.subnet_manager_at(way), NotKnown), timeout_s=10
            )

    def stop_subnet_manager(self, host: str) -> None:
        self.subnet_manager(host).stop()

    def kill_subnet_manager(self, host: str) -> None:
        """End the OpenSM of *host* as a crash would: with SIGKILL."""
        process = self.subnet_manager(host)
        process.signal(signal.SIGKILL)
        process.stop()

    def _opensm_conf(self, host: str) -> str:
        found = self.topology.host(host)
        return _OPENSM_CONF.format(
            guid=found.port_guid.value,
            priority=found.subnet_manager_priority or 0,
            wire_smps=8 if len(self.topology.hosts) <= _SMALL else 32,
            partitions=self.partitions_conf(host),
            log=self.opensm_log(host),
            folder=self.folder / host,
        )

    def _harden(self, host: Host) -> None:
        path = self.partitions_conf(host.name)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        full = ", ".join(f"{h.port_guid}=full" for h in self.topology.subnet_manager_hosts)
        fresh = path.with_suffix(".new")
        fresh.write_text(_HARDENED.format(full=full) + "\n")
        fresh.rename(path)

    # The console.

    def _console(self, line: str, doing: str) -> str:
        """Give ibsim one command; return what it printed.  Callers take turns, by a file lock."""
        if len(line) > _CONSOLE_LINE:
            raise FabricFailed(f"cannot {doing}: ibsim reads {_CONSOLE_LINE} characters at a time")
        log = self.simulator.log
        with _locked(self.folder / "console.lock"), self._open_console(doing) as console:
            start = log.stat().st_size
            os.write(console, line.encode() + b"\n")
            said = _read_until_prompt(log, start)
        if said is None:
            raise FabricFailed(f"cannot {doing}: ibsim did not answer; see {log}")
        refusal = re.search(r"^(?:sim> )?# (.*(?:not found|can't|bad |not linked).*)$", said, re.M)
        if refusal:
            raise FabricFailed(f"cannot {doing}: ibsim said: {refusal.group(1)}")
        return said

    @contextmanager
    def _open_console(self, doing: str) -> Iterator[int]:
        try:
            console = os.open(self._console_path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in (errno.ENXIO, errno.ENOENT):
                raise
            raise FabricFailed(f"cannot {doing}: ibsim does not run; start the lab") from error
        try:
            yield console
        finally:
            os.close(console)

    def _sweep_scratch(self) -> None:
        for left in self.folder.glob("*/clients/sys-*"):
            if not Path(f"/proc/{left.name.removeprefix('sys-')}").exists():
                shutil.rmtree(left, ignore_errors=True)


def _read_until_prompt(log: Path, start: int, timeout_s: float = 5) -> str | None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with log.open("rb") as file:
            file.seek(start)
            said = file.read()
        # Each command prints one prompt when it is done; warnings may follow it at any time.
        if _PROMPT in said:
            return said.rpartition(_PROMPT)[0].decode(errors="replace")
        time.sleep(0.001)
    return None


def _entered_a_role(log: Path, start: int) -> bool:
    """Say whether OpenSM has become master or standby: both are logged at its default level."""
    with log.open("rb") as file:
        file.seek(start)
        said = file.read()
    return b"Entering STANDBY state" in said or b"SUBNET UP" in said


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


__all__ = ["SWITCH", "Fabric", "FabricFailed"]
