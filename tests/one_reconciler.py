# SPDX-License-Identifier: Apache-2.0
"""fabricd's reconciler in the test's own process beside a real OpenSM, and a cloud in memory."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ibstack.fabric.errors import TryLater
from ibstack.fabric.member import Member
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, PROOF_KEYS, Membership, PartitionKey
from ibstack.mad import FabricReader
from ibstack.subnet_manager.fabricd.with_opensm import opensm_reconciler
from ibstack.subnet_manager.observed.fabric_view import FabricView
from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
from ibstack.subnet_manager.opensm.processes import OpenSmProcesses
from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests
from ibstack.subnet_manager.reconcile.pass_context import Desired
from ibstack.subnet_manager.settings import Settings
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.topology import ARTICLE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    import pytest

    from ibstack.fabric.guid import Guid
    from ibstack.subnet_manager.policy.known_ports import KnownPorts
    from ibstack_lab.fabric.simulated import Fabric

HOSTS = {host.port_guid: host.name for host in ARTICLE.hosts}
MANAGERS = frozenset(host.port_guid for host in ARTICLE.subnet_manager_hosts)


def pause(seconds: float) -> bool:
    """Sleep; nobody stops a test's reconciler meanwhile."""
    time.sleep(seconds)
    return False


@dataclass
class Tenants:
    """A cloud in memory: what is desired, and what it was told."""

    members: dict[str, Member] = field(default_factory=dict)
    told: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    hosts: dict[str, dict[Guid, bool]] = field(default_factory=dict)
    away: bool = False
    trouble: TryLater | None = None
    answers: int = 0

    def desired(self) -> Desired:
        if self.away:
            raise TryLater("cannot ask Neutron: the broker is away")
        self.answers += self.trouble is None
        etag = str(hash((frozenset(self.members.items()), repr(self.hosts))))
        members = tuple(self.members.values())
        return Desired(etag, members, self.trouble, answers=self.answers, hosts=self.hosts)

    def report(self, etag: str, in_force: Collection[str]) -> None:
        self.told.append((etag, frozenset(in_force)))

    def boot(
        self,
        port: str,
        guid: Guid,
        key: PartitionKey,
        *,
        shared: bool = False,
        host: str | None = None,
    ) -> None:
        """Have a port on *host*; without it, on the host that *guid* is all of, or on `h`."""
        host = host or HOSTS.get(guid) or (f"host of {guid}" if shared else "h")
        self.members[port] = Member(port, host, guid, key, Membership.FULL, shared)

    @property
    def in_force(self) -> frozenset[str]:
        return self.told[-1][1] if self.told else frozenset()


class UnsizedView(FabricView):
    """Does not know how many keys a table has room for, so that too many are published."""

    def known(self, good_for_s: float | None) -> KnownPorts:
        return replace(super().known(good_for_s), sizes={})


@dataclass
class Keeper:
    """A reconciler beside the OpenSM of one host, and eyes of its own on the fabric."""

    fabric: Fabric
    host: str
    tenants: Tenants
    state: Path
    settings: Settings = field(
        default_factory=lambda: Settings(DEFAULT_OWNED_KEYS, MANAGERS, removal_grace_s=0.2)
    )
    publication_of: type[PartitionsFileStore] = PartitionsFileStore
    own_ports: frozenset[Guid] = frozenset()
    view_of: type[FabricView] = FabricView

    def __post_init__(self) -> None:
        self.path = self.fabric.partitions_conf(self.host)
        self.publication = self.publication_of(self.path, self.state, self.settings.full_default)
        self.requests = OperatorRequests(self.state)
        self.reconciler = opensm_reconciler(
            self.settings,
            self.tenants,
            self.view_of(self.reader, lambda: self.own_ports),
            OpenSmProcesses(self.path),
            self.publication,
            pause=pause,
        )

    @contextmanager
    def reader(self) -> Iterator[FabricReader]:
        reader = FabricReader(Attachment(self.fabric, self.host))
        try:
            yield reader
        finally:
            reader.close()

    def table(self, guid: Guid) -> set[str]:
        """Return the entries of a port's table as the wires hold them, proof keys left out."""
        with self.reader() as reader:
            port = reader.discover().ports[guid]
            table = reader.pkey_tables([port])[guid]
        assert isinstance(table, tuple), table
        return {str(e) for e in table if e is not None and e.partition not in PROOF_KEYS}

    def members_of(self, key: PartitionKey) -> set[Guid]:
        """Return who is desired in a partition."""
        return {member.guid for member in self.tenants.members.values() if member.key == key}

    def until(self, true: Callable[[], bool], limit_s: float = 10) -> None:
        """Do passes until something is true."""
        deadline = time.monotonic() + limit_s
        while not true():
            outcome = self.reconciler.once()
            assert time.monotonic() < deadline, (outcome, self.reconciler.status)
            time.sleep(min(outcome.look_again_s or 0.05, 0.05))


def said_of_drift(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return the level and the text of each line about drift."""
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    return [line for line in lines if line[1].startswith("drift")]
