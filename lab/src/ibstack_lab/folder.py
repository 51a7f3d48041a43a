# SPDX-License-Identifier: Apache-2.0
"""The lab's folder: where everything of a lab lies, and which ports it took."""

from __future__ import annotations

import json
import random
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput
from ibstack_lab.process import Process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# unix(7): the path of a socket has at most 107 bytes.  The longest one below the folder is
# hosts/<host>/run/eswitchd.sock.
_LONGEST_ROOT: Final = 70
# Below the ephemeral ports (net.ipv4.ip_local_port_range begins at 32768), so that no
# outgoing connection takes one of ours between choosing and listening.
_PORTS: Final = range(20000, 32000)

SERVICES: Final = (
    *("epmd", "rabbitmq", "rabbitmq-nodes", "keystone", "neutron", "nova"),
    *("placement", "images"),
)
"""What listens on the loopback interface; MariaDB has a unix socket only."""


@dataclass(frozen=True)
class LabFolder:
    """One lab on this machine; two labs have two folders and share nothing."""

    root: Path
    """Absolute."""

    @classmethod
    def at(cls, root: Path) -> LabFolder:
        """Return the lab in *root*; BadInput where its sockets would have too long a path."""
        resolved = root.resolve()
        if len(str(resolved)) > _LONGEST_ROOT:
            raise BadInput(
                f"cannot keep a lab in {resolved}: the path has more than {_LONGEST_ROOT}"
                " characters, too long for the unix sockets in it; give a shorter --lab"
            )
        return cls(resolved)

    @property
    def nursery(self) -> LabFolder:
        """The short-lived lab in which a database is prepared for this one."""
        return LabFolder(self.root / "preparing")

    @property
    def answer_key(self) -> Path:
        """The key between Neutron and ibstack-fabricd."""
        return self.root / "answer.key"

    def service(self, name: str) -> Path:
        return self.root / "services" / name

    @property
    def cluster(self) -> Path:
        """What administrators of the lab's cluster have: its store, its hosts' files, images."""
        return self.root / "cluster"

    def host(self, name: str) -> Path:
        return self.root / "hosts" / name

    @property
    def machines(self) -> Path:
        """What the guests of the machines have beside their namespaces."""
        return self.root / "machines"

    def machine(self, short: str) -> Path:
        """*short*: how the id of its port begins."""
        return self.machines / short

    @property
    def pid_files(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    def process(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Process:
        """Return the process of component *name*, with its log and pid file in this folder."""
        return Process(
            name, argv, self.logs / f"{name}.log", self.pid_files / f"{name}.pid", env or {}, cwd
        )

    def api(self, name: str, service: str) -> Process:
        """Return the process *name*, which serves the API of an OpenStack *service* on its port."""
        folder, configured = self.service(service), f"OS_{service.upper()}_CONFIG"
        env = {f"{configured}_DIR": str(folder), f"{configured}_FILES": f"{service}.conf"}
        module, port = f"{service}.wsgi.api", str(self.port(service))
        argv = (sys.executable, "-m", "ibstack_lab.services.wsgi", module, port)
        return self.process(name, argv, env=env, cwd=folder)

    def known(self, name: str) -> Process:
        """Return component *name* as a process to look at or to stop, not to start."""
        return self.process(name, ())

    def port(self, service: str) -> int:
        """Return the TCP port of *service*; BadInput where the lab has not been started."""
        ports = self._ports()
        if service not in ports:
            raise BadInput(
                f"cannot find the lab in {self.root}: it is not up; run `ibstack lab up`"
            )
        return ports[service]

    def choose_ports(self) -> None:
        """Give each service a free port, unless it has one."""
        if set(SERVICES) <= self._ports().keys():
            return
        self.root.mkdir(parents=True, exist_ok=True)
        ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self._ports_file.write_text(json.dumps(ports, indent=1) + "\n")

    def forget_ports(self) -> None:
        self._ports_file.unlink(missing_ok=True)

    @property
    def _ports_file(self) -> Path:
        return self.root / "ports.json"

    def _ports(self) -> dict[str, int]:
        try:
            ports: dict[str, int] = json.loads(self._ports_file.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return ports


def free_ports(count: int) -> list[int]:
    """Return *count* TCP ports of the loopback interface on which nothing listens."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise BadInput(f"cannot find {count} free TCP ports in {_PORTS.start} to {_PORTS.stop - 1}")


def listening(port: int) -> bool:
    """Return whether something accepts connections on *port* of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
