# SPDX-License-Identifier: Apache-2.0
"""A cloud that a walk acts on: what was told, what could not be done yet, and what is away."""

from __future__ import annotations

import subprocess
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pymysql

from cloud_faults import DHCP_SIDE, KILLED
from faults.alarms import AGENT, Alarms
from faults.attempts import Said, Void, Where
from faults.hostile_tenant import Tenant
from faults.invariants import Broken, Invariant, judge
from faults.model import Model, Place, Port
from faults.seen import Eyes
from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.errors import IbstackError
from ibstack_lab.binding_profile import nova_profile
from ibstack_lab.hosts import hardware
from ibstack_lab.services import accounts
from ibstack_lab.services.neutron_client import NeutronClient
from ibstack_lab.topology import PHYSICAL_NETWORK
from tenant_ports import ebrctl

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Hashable, Mapping
    from pathlib import Path

    from faults.attempts import Attempt
    from ibstack_lab.cloud import Cloud
    from ibstack_lab.services.neutron_client import Resource

KEYS: Final = {"walk-red": 0x201, "walk-blue": 0x202, "walk-green": 0x203}
"""The partition key of each network of a walk's own."""
WITH_DHCP: Final = {"walk-served": 0x204}
"""The same of a network that has DHCP, and no guest.

Neutron holds a guest's port DOWN until its DHCP agent has heard of it, and tells the agent by a
message without an answer: one that a broker or a database that is away has cost is not sent again.
"""
BYSTANDERS: Final = {"walk-quiet": 0x205}
"""The same of one in which nobody does anything but a bystander, while others attempt things."""
VFS: Final = 5
"""Of each host, so that tenants soon follow each other on a VF."""
_REST_LIMIT_S: Final = 10
_PATIENCE_S: Final = 2
"""With a Neutron that waits for its database or broker."""
_UNTIL_CALM: Final = (OSError, IbstackError, subprocess.TimeoutExpired, pymysql.MySQLError)


class NotDone(IbstackError):
    """A part is away: to be done again when it is back."""


@dataclass(frozen=True)
class OwedAction:
    """Something that a user or nova does; it may be repeated."""

    what: str
    do: Callable[[], object]
    about: frozenset[Hashable]
    """The MAC and the VF.  Of two actions about the same, the second waits for the first."""


@dataclass
class World:
    """One cloud, one walk."""

    cloud: Cloud
    networks: Mapping[int, str]
    """The id of each network, by its partition key."""
    rng: random.Random
    model: Model = field(init=False)
    eyes: Eyes = field(init=False)
    owed: list[OwedAction] = field(default_factory=list)
    away: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What is away or broken, and how it is brought back at the next calm."""
    log: list[str] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    """What somebody tries who may not, since the last calm."""
    alarms: Alarms = field(init=False)
    tenant: Tenant = field(init=False)
    project: str = ""
    """The id of the hostile tenant's project."""
    truth: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the agent of each host reports of it."""

    def __post_init__(self) -> None:
        topology = self.cloud.topology
        mlx4 = {host.name for host in topology.hosts if host.kind is AdapterKind.MLX4}
        (server,) = topology.dhcp_hosts
        self.model = Model(
            frozenset(mlx4), served=frozenset(WITH_DHCP.values()), dhcp_host=server.name
        )
        self.hosts = [host.name for host in topology.compute_hosts]
        self._reach()

    def _reach(self) -> None:
        more = (*WITH_DHCP.values(), *BYSTANDERS.values())
        self.eyes = Eyes(self.cloud, (*self.networks, *more), VFS)
        self.alarms = Alarms(self.cloud)
        self.truth = self.alarms.heartbeats(AGENT)
        self.tenant = Tenant(self.cloud)
        self.project = self.tenant.project
        services = self.cloud.services()
        self._session = accounts.session(
            accounts.NOVA, services.keystone.auth_url, services.password
        )
        self._nova = NeutronClient(self._session, services.neutron.url)

    # Choosing, by the model alone: the same seed is the same walk.

    @property
    def free(self) -> list[Place]:
        taken = self.model.taken
        every = (Place(host, vf) for host in self.hosts for vf in range(VFS))
        return [place for place in every if place not in taken]

    def choose(self, true: Callable[[Port], bool]) -> Port | None:
        fit = [port for port in self.model.ports if true(port)]
        return self.rng.choice(fit) if fit else None

    def new_port(self) -> Port:
        mac = "fa:16:3e:" + self.rng.randbytes(3).hex(":")
        port = Port(mac, self.rng.choice(list(self.networks)), self.rng.choice(self.free))
        self.model.add(port)
        return port

    # Doing.

    def harm(self, do: Callable[[], str | None]) -> str:
        """Break something now; return what *do* says of how that went."""
        return do() or ""

    def attempt(self, attempt: Attempt) -> str:
        """Try it now; at the next calm it is tried until all is told that it raises."""
        self.hear()
        self.attempts.append(attempt)
        self.try_again(attempt)
        return attempt.what

    def try_again(self, attempt: Attempt) -> None:
        """Do it; where a part is away it may fail."""
        self.tenant.wait_at_most(self._patience_s)
        try:
            answer = attempt.do()
        except Void:
            attempt.is_void = True
        except _UNTIL_CALM as error:
            self.log.append(f"    not yet: {attempt.what}: {str(error)[:300]}")
        else:
            attempt.was_done = True
            attempt.hear([Said(Where.ANSWER, answer)])
        self.hear()

    def hear(self) -> None:
        """Take in what was told since the last time."""
        lines = self.alarms.hear()
        for attempt in self.attempts:
            attempt.hear(lines)

    def owe(self, what: str, port: Port, place: Place | None, do: Callable[[], object]) -> None:
        """Do it now, or, where that fails or something earlier waits, at the next calm."""
        action = OwedAction(what, do, frozenset({port.mac, *([place] if place else [])}))
        if any(action.about & earlier.about for earlier in self.owed) or not self._try(action):
            self.owed.append(action)

    def settle_debts(self) -> bool:
        """Do what was put off, in order; return whether all of it is done."""
        left: list[OwedAction] = []
        for action in self.owed:
            if any(action.about & earlier.about for earlier in left) or not self._try(action):
                left.append(action)
        self.owed = left
        return not left

    @property
    def is_slow(self) -> bool:
        """Neutron waits for what is away."""
        return bool({"mariadb", "rabbitmq"} & self.away.keys())

    @property
    def _patience_s(self) -> float:
        return _PATIENCE_S if self.is_slow else _REST_LIMIT_S

    def _try(self, action: OwedAction) -> bool:
        self._session.timeout = self._patience_s
        try:
            action.do()
        except _UNTIL_CALM as error:
            self.log.append(f"    not yet: {action.what}: {str(error)[:300]}")
            return False
        return True

    def broken(self) -> list[Broken]:
        """Return what does not hold; a daemon that ended by itself is lost."""
        ours = (*KILLED, *DHCP_SIDE)
        ended = [name for name in ours if not self.cloud.process(name).running()]
        return [
            *(Broken(Invariant.NOTHING_LOST, name, "it has ended by itself") for name in ended),
            *judge(self.model, self.eyes.look(), self.cloud.topology),
        ]

    # What nova and users do.

    def id_of(self, port: Port) -> str | None:
        found = self._nova.list("ports", mac_address=port.mac)
        return str(found[0]["id"]) if found else None

    def create(self, port: Port, place: Place | None) -> None:
        if self.id_of(port) is None:
            made = self._nova.create(
                "ports",
                network_id=self.networks[port.key],
                mac_address=port.mac,
                device_owner="compute:nova",
                device_id=str(uuid.uuid4()),
                **{"binding:vnic_type": "direct"},
                **(self._binding(place) if place else {}),
            )
            if place:
                self._expect_bound(made)
        elif place:
            self.bind(port, place)  # It was made by a request that nobody answered.

    def update(self, port: Port, **fields: Any) -> Resource:
        return self._nova.update("ports", self._must(port), **fields)

    def bind(self, port: Port, place: Place) -> None:
        self._expect_bound(self.update(port, **self._binding(place)))

    def delete(self, port: Port) -> None:
        found = self.id_of(port)
        if found is not None:
            self._nova.delete("ports", found)
        elif self.eyes.is_in_neutron(port.mac):
            # neutron_lib.policy puts its enforcer where all threads see it, and its rules into it
            # then: in between an administrator is nobody, and is shown no port of others.
            raise NotDone(f"Neutron has {port}, and does not list it: its API has just started")

    def plug(self, port: Port, place: Place) -> None:
        """As nova does, which then starts the guest."""
        pci = str(self.cloud.topology.host(place.host).vf_pci(place.vf))
        words = ("add-port", port.mac, str(uuid.uuid4()), PHYSICAL_NETWORK, "ib_hostdev", pci)
        done = ebrctl(self.cloud, place.host, *words, "--wait", "0")
        if done.returncode not in (0, 4) or not self.eyes.has_attached(place, port.mac):
            raise NotDone(f"ebrctl add-port exited {done.returncode}: {done.stderr.strip()}")
        self.guest(place).touch()

    def unplug(self, port: Port, place: Place) -> None:
        self.guest(place).unlink(missing_ok=True)
        words = ("del-port", PHYSICAL_NETWORK, port.mac)
        done = ebrctl(self.cloud, place.host, *words, "--wait", "0")
        if done.returncode:
            raise NotDone(f"ebrctl del-port exited {done.returncode}: {done.stderr.strip()}")

    def guest(self, place: Place) -> Path:
        """Return the file that is there while a guest's driver runs on the VF."""
        pci = self.cloud.topology.host(place.host).vf_pci(place.vf)
        return hardware.guest_marker(self.cloud.lab.host(place.host), pci)

    @staticmethod
    def _expect_bound(port: Resource) -> None:
        if port["binding:vif_type"] != "ib_hostdev":
            raise NotDone(f"Neutron bound the port as {port['binding:vif_type']}")

    def _must(self, port: Port) -> str:
        found = self.id_of(port)
        if found is None:
            raise NotDone(f"Neutron has no {port} yet")
        return found

    def _binding(self, place: Place) -> dict[str, object]:
        profile = nova_profile(self.cloud.topology.host(place.host), place.vf)
        return {"binding:host_id": place.host, "binding:profile": profile}
