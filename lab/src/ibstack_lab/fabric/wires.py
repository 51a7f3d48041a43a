# SPDX-License-Identifier: Apache-2.0
"""The lab's wires, simulated by ibsim.

All state is in files, so that any later process constructs the same `Wires` and uses every verb.
Seen with ibsim 0.10 (Debian 12): `-n` means "no console" (not "net file"), a console line holds at
most 127 characters, at most 10 clients may be attached at a time, and a client that was killed
keeps its place until it is thrown out: `reap()`.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import IbstackError
from ibstack.fabric.guid import Guid
from ibstack.runtime.file_lock import locked
from ibstack_lab import topology
from ibstack_lab.fabric.netfile import wiring
from ibstack_lab.fabric.relay import READY
from ibstack_lab.process import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack_lab.topology import Topology

_PRELOAD: Final = "/usr/lib/x86_64-linux-gnu/umad2sim/libumad2sim.so"
_PROMPT: Final = b"sim> "
_CONSOLE_LINE: Final = 127
_ATTACHED = re.compile(r"Client (\d+): pid (\d+) connected")
_NODE_GUID = re.compile(r"nodeguid ([0-9a-f]+)")


class FabricFailed(IbstackError):
    """The simulated fabric did not do what it was told."""


class Wires:
    """ibsim of one lab: nodes, switches and cables, and the clients that are attached to them.

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

    @property
    def simulator(self) -> Process:
        """ibsim, with a FIFO as its console."""
        return self._ibsim(self.name)

    def _ibsim(self, name: str) -> Process:
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
            env={"IBSIM_SOCKNAME": name},
        )

    def _relay(self, enforcement_cap: int = 0) -> Process:
        argv = [sys.executable, "-m", "ibstack_lab.fabric.relay"]
        return Process(
            "relay",
            [*argv, self.name, self._name_behind_relay, str(enforcement_cap)],
            self._log / "relay.log",
            self._run / "relay.pid",
        )

    @property
    def _name_behind_relay(self) -> str:
        return f"{self.name}-wires"

    def start(self, *, enforcement_cap: int | None = None) -> None:
        """Start the wires, with no subnet manager; do nothing where they run.

        *enforcement_cap*: the switches remember at which ports they check partition keys, with a
        table of so many entries for each (enforcing_switches.py).  None: ibsim's own, which forget.
        """
        if self.simulator.running():
            return
        simulator = self._ibsim(self.name if enforcement_cap is None else self._name_behind_relay)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "net").write_text(self._wiring.net_file())
        (self.folder / "topology.json").write_text(topology.dump(self.topology))
        if not self._console_path.exists():
            os.mkfifo(self._console_path, 0o600)
        simulator.log.parent.mkdir(parents=True, exist_ok=True)
        simulator.log.write_bytes(b"")
        simulator.start()
        simulator.wait_until(lambda: _PROMPT in simulator.log.read_bytes(), timeout_s=15)
        if enforcement_cap is not None:
            relay = self._relay(enforcement_cap)
            relay.log.write_bytes(b"")
            relay.start()
            relay.wait_until(lambda: READY in relay.log.read_text(), timeout_s=15)

    def stop(self) -> None:
        """Stop the wires; leave nothing running and no scratch files."""
        self._relay().stop()
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
        return self.attach_env(host)

    def attach_env(self, host: str) -> dict[str, str]:
        """Return the same without looking after the room for clients."""
        return {"LD_PRELOAD": _PRELOAD, "SIM_HOST": host, "IBSIM_SOCKNAME": self.name}

    def client_cwd(self, host: str) -> Path:
        """Return the scratch folder for clients at *host*, swept of what killed ones left."""
        folder = self.folder / host / "clients"
        folder.mkdir(parents=True, exist_ok=True)
        self._sweep_scratch()
        return folder

    # The console.

    def _console(self, line: str, doing: str) -> str:
        """Give ibsim one command; return what it printed.  Callers take turns, by a file lock."""
        if len(line) > _CONSOLE_LINE:
            raise FabricFailed(f"cannot {doing}: ibsim reads {_CONSOLE_LINE} characters at a time")
        log = self.simulator.log
        with self._open_console(doing) as console, locked(self.folder / "console.lock"):
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
