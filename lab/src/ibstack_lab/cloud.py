# SPDX-License-Identifier: Apache-2.0
"""The whole lab: `up`, `down`, `status`, and a way to each of its parts."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadInput, IbstackError, TryLater
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.folder import LabFolder
from ibstack_lab.guests import guest_view
from ibstack_lab.guests.namespaces import Namespaces, inside
from ibstack_lab.hosts import hardware
from ibstack_lab.hosts.daemons import Daemons, eswitchd_socket
from ibstack_lab.nova import controller as nova
from ibstack_lab.nova.hosts import HostsInCells, NovaHosts
from ibstack_lab.process import end_all
from ibstack_lab.services.accounts import OPERATOR, environment, session
from ibstack_lab.services.controller import Services, names
from ibstack_lab.services.dhcp_agent import DhcpAgent, DhcpWatch
from ibstack_lab.services.neutron_client import NeutronClient
from ibstack_lab.startup import Component, Startup
from ibstack_lab.topology import ARTICLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ibstack_lab.process import Process
    from ibstack_lab.services.accounts import Account
    from ibstack_lab.topology import Topology


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One process of the lab as it is now."""

    name: str
    pid: int | None
    """None: it does not run."""
    log: Path


class Cloud:
    """A cloud on one machine, all of it below one folder.

    All state is in files: another process that makes the same `Cloud` can use every verb.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cache: Path | None = None,
        topology: Topology = ARTICLE,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """*cache*: the prepared database's place, `.cache/lab` by default; *say*: progress."""
        self.lab = LabFolder.at(folder)
        self.topology = topology
        self.fabric = Fabric.of_lab(self.lab.root, topology)
        self.namespaces = Namespaces(self.lab.root)
        self._cache = cache or Path.cwd() / ".cache" / "lab"
        self._say = say

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all components."""
        subnet_managers = [f"opensm-{host.name}" for host in self.topology.subnet_manager_hosts]
        simulated = ("ibsim", *subnet_managers, "silicon", "wires", "ipoib")
        dhcp_agents = (agent.name for agent in self._dhcp_agents())
        watches = (watch.name for watch in self._dhcp_watches())
        ours = Daemons.names(self.topology)
        hosts = NovaHosts.names(self.topology) if self.has_nova else ()
        return (*names(self.lab), *simulated, *ours, *dhcp_agents, *watches, *hosts)

    @property
    def has_nova(self) -> bool:
        """Whether this lab has the real nova; one that is not up has none."""
        return nova.folder_of(self.lab).exists()

    # Up and down.

    def up(self, *, with_nova: bool | None = None) -> float:
        """Start what does not run; return how many seconds it took.

        *with_nova*: a new lab has the real nova, or plays it; None: plays it, or has what it had.
        Where something fails or a person interrupts, all of it is taken down, and the logs stay.
        """
        self._require_same(with_nova)
        startup = Startup(self._say)
        try:
            with self._alone():
                self._start(startup, with_nova=bool(with_nova))
        except TryLater:
            raise  # Another command is at work on this lab: it is not ours to take down.
        except BaseException:
            self.down()
            raise
        return startup.seconds

    def down(self) -> None:
        """End every process and remove everything but the logs; harmless where nothing is."""
        for folder in (self.lab, self.lab.nursery):
            end_all(folder.pid_files)
        self.fabric.stop()
        self.namespaces.remove_all()
        for agent in self._dhcp_agents():
            agent.remove_namespaces()
        for part in ("hosts", "machines", "services", "fabric", "run", "preparing", "cluster"):
            shutil.rmtree(self.lab.root / part, ignore_errors=True)
        self.lab.forget_ports()
        for file in ("password", "answer.key", "lock"):
            (self.lab.root / file).unlink(missing_ok=True)
        with suppress(OSError):
            self.lab.root.rmdir()  # Where there are no logs either.

    def status(self) -> list[ComponentStatus]:
        """Return every component, whether it runs or not."""
        known = [self.lab.known(name) for name in self.names]
        return [ComponentStatus(each.name, each.pid(), each.log) for each in known]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.lab.root.mkdir(parents=True, exist_ok=True)
        with (self.lab.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise TryLater(
                    f"cannot start the lab in {self.lab.root}: another command is starting it"
                ) from error
            yield

    def _require_same(self, with_nova: bool | None) -> None:
        is_there = self.lab.service("mariadb").exists()
        if is_there and with_nova is not None and with_nova is not self.has_nova:
            has = "has the real nova" if self.has_nova else "plays nova"
            raise BadInput(
                f"cannot change the nova of the lab in {self.lab.root}: it {has}; run"
                " `ibstack lab down` first"
            )

    def _start(self, startup: Startup, *, with_nova: bool) -> None:
        if not any(each.pid for each in self.status()):
            shutil.rmtree(self.lab.logs, ignore_errors=True)  # Of an earlier lab.
        services = Services.prepare(self.lab, self._cache, startup, with_nova=with_nova)
        services.launch(startup)
        daemons = self._daemons(services)
        daemons.configure()
        for agent in self._dhcp_agents():
            agent.configure(services.broker.transport_url)
        self._start_fabric(startup)
        self._build_hardware()
        self.namespaces.make(self.namespaces.wires)
        guest_view.build_library(self.lab)
        startup.launch(self._silicon(), *self._wires(), *daemons.eswitchds())
        # Before anybody serves it a call is lost, and missed only when its time is over (30 s).
        startup.wait("neutron-rpc")
        alive = _LiveAgents(startup, self.api(OPERATOR))
        dhcp_agents = [agent.component(alive) for agent in self._dhcp_agents()]
        startup.launch(*dhcp_agents, *daemons.fabricds(alive), *daemons.agents(alive))
        for watch in self._dhcp_watches():
            watch.configure()
            startup.launch(Component(watch.process(), lambda: True))
        if services.nova is not None:
            hosts = NovaHosts(self.lab, self.topology)
            hosts.configure(services.nova.settings)
            # Placement first: nova's scheduler and hosts remember that it was missing.
            startup.wait("keystone", "placement")
            operator = session(OPERATOR, services.keystone.auth_url, services.password)
            cells = HostsInCells(startup, operator, services.nova.urls["compute"])
            startup.launch(*services.nova.late(), *hosts.components(cells))
        startup.wait()

    def _start_fabric(self, startup: Startup) -> None:
        self.fabric.start()
        startup.say("ibsim is ready")
        for host in self.topology.subnet_manager_hosts:
            self.fabric.start_subnet_manager(host.name)
            startup.say(f"opensm-{host.name} is ready")

    def _build_hardware(self) -> None:
        for host in self.topology.adapter_hosts:
            root = self.lab.host(host.name) / "sys"
            if not root.exists():
                hardware.build(host, root)

    # Its parts.

    def process(self, name: str) -> Process:
        """Return component *name*, to kill, stop and start it; BadInput for no such component."""
        for component in self._components():
            if component.name == name:
                return component
        raise BadInput(f"cannot find {name!r} in the lab: it has {', '.join(self.names)}")

    def services(self) -> Services:
        """Return the controller; BadInput where the lab is not up."""
        self.lab.port("neutron")
        return Services(self.lab)

    def api(self, who: Account) -> NeutronClient:
        """Return Neutron as *who* sees it."""
        services = self.services()
        signed_in = session(who, services.keystone.auth_url, services.password)
        return NeutronClient(signed_in, services.neutron.url)

    def client_env(self, who: Account) -> dict[str, str]:
        """Return what makes the openstack client act as *who*."""
        services = self.services()
        return environment(who, services.keystone.auth_url, services.password)

    def run_on(self, host: str, argv: Sequence[str]) -> int:
        """Run *argv* as on *host*, in the folder hosts/<host>; return its exit status."""
        names = [each.name for each in self.topology.hosts]
        if host not in names or not argv:
            raise BadInput(
                f"cannot run {shlex.join(argv) or 'nothing'} on {host!r}: give a command, and a"
                f" host of {', '.join(names)}"
            )
        self.services()
        env = {**os.environ, **self.fabric.client_env(host), **self._places(host)}
        try:
            return subprocess.run(argv, env=env, cwd=self.lab.host(host), check=False).returncode
        except OSError as error:
            raise BadInput(f"cannot run {argv[0]!r} on {host}: {error.strerror}") from error

    def _places(self, host: str) -> dict[str, str]:
        """Return what tells commands of ours where *host* has what they look at."""
        folder, programs = self.lab.host(host), Path(sys.executable).parent
        exec_there = (str(programs / "ibstack"), "lab", "exec", "--lab", str(self.lab.root))
        return {
            "IBSTACK_ESWITCHD_SOCKET": str(eswitchd_socket(self.lab, host)),
            "IBSTACK_HOST": host,
            "IBSTACK_SYSFS": str(folder / "sys"),
            "IBSTACK_DHCP_STATE": str(folder / "neutron"),
            "IBSTACK_FABRICD_CONF": str(folder / "etc" / "fabricd.conf"),
            "IBSTACK_REACH": f"{shlex.join(exec_there)} {{host}}",
            "PATH": f"{programs}:{os.environ.get('PATH', '')}",
        }

    def _components(self) -> Iterator[Process]:
        services = self.services()
        yield from (each.process for each in services.components().values())
        yield self.fabric.simulator
        for host in self.topology.subnet_manager_hosts:
            yield self.fabric.subnet_manager(host.name)
        yield self._silicon().process
        yield from (each.process for each in self._wires())
        daemons = self._daemons(services)
        for found in (daemons.eswitchds(), daemons.agents(_never), daemons.fabricds(_never)):
            yield from (each.process for each in found)
        yield from (agent.process() for agent in self._dhcp_agents())
        yield from (watch.process() for watch in self._dhcp_watches())
        if self.has_nova:
            hosts = NovaHosts(self.lab, self.topology).components(lambda _host: False)
            yield from (each.process for each in hosts)

    def _dhcp_agents(self) -> list[DhcpAgent]:
        return [DhcpAgent(self.lab, host) for host in self.topology.dhcp_hosts]

    def _dhcp_watches(self) -> list[DhcpWatch]:
        return [DhcpWatch(self.lab, host) for host in self.topology.dhcp_hosts]

    def _daemons(self, services: Services) -> Daemons:
        return Daemons(self.lab, self.topology, self.fabric, services.broker.transport_url)

    def _silicon(self) -> Component:
        argv = (sys.executable, "-m", "ibstack_lab.hosts.kernel", "--lab", str(self.lab.root))
        return Component(self.lab.process("silicon", argv, cwd=self.lab.root), lambda: True)

    def _wires(self) -> Iterator[Component]:
        """What is between the guests' interfaces and the partitions."""
        for name, program in {"wires": "partition_bridges", "ipoib": "ipoib_links"}.items():
            module = f"ibstack_lab.guests.{program}"
            argv = (sys.executable, "-m", module, "--lab", str(self.lab.root))
            entered = inside(self.namespaces.wires, argv)
            process = self.lab.process(name, entered, cwd=self.lab.root)
            yield Component(process, lambda: True)


class _LiveAgents:
    """Asks Neutron which agents are alive: once for each look, however many are waited for."""

    _KEEP_S = 0.7

    def __init__(self, startup: Startup, neutron: NeutronClient) -> None:
        self._startup = startup
        self._neutron = neutron
        self._asked_at = float("-inf")
        self._alive: frozenset[tuple[str, str]] = frozenset()

    def __call__(self, binary: str, host: str) -> bool:
        if not self._startup.is_ready("neutron-api") or not self._startup.is_ready("keystone"):
            return False
        if self._startup.seconds - self._asked_at > self._KEEP_S:
            with suppress(IbstackError):
                agents = self._neutron.list("agents")
                self._alive = frozenset((a["binary"], a["host"]) for a in agents if a["alive"])
            self._asked_at = self._startup.seconds
        return (binary, host) in self._alive


def _never(_binary: str, _host: str) -> bool:
    return False
