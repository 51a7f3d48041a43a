# SPDX-License-Identifier: Apache-2.0
"""A subnet manager in memory behind the same seam as OpenSM, and under the same contract.

It has no file: what it holds is declared in one request, as to UFM, and a job says what became of
it.  It writes the tables of a MemoryFabric.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ibstack.fabric.errors import Refused
from ibstack.fabric.partition import DEFAULT_PARTITION, SCRATCH_KEY, Membership, TableEntry
from ibstack.mad import SmState
from ibstack.subnet_manager.policy.site import Site
from ibstack.subnet_manager.seam import Declared, Manager, Receipt

if TYPE_CHECKING:
    from ibstack.fabric.guid import Guid
    from ibstack.subnet_manager.observed.fabric_view import FabricView
    from ibstack.subnet_manager.seam import Declaration
    from memory_fabric import MemoryFabric, Port


@dataclass
class Held:
    """What the manager of one host remembers, over a restart of who declares too."""

    now: Declaration | None = None
    others: bool = False
    """Somebody else has put his own in place of it."""
    before: Declaration | None = None
    """What ibstack declared last."""
    jobs: int = 0
    done: int = 0
    """The job that is in force."""


@dataclass
class FakeSubnetManager:
    """The manager on one host of *fabric*; *view* shows its role, as datagrams do."""

    fabric: MemoryFabric
    host: str
    view: FabricView
    full_default: frozenset[Guid] = frozenset()
    own: Site = field(default_factory=Site)
    held: Held = field(default_factory=Held)
    deaf: bool = False
    """Takes requests and does nothing."""
    publishes: int = 0
    reloads: int = 0
    trusted: bool = False
    others: list[FakeSubnetManager] = field(default_factory=list)
    """The managers of the other hosts."""

    def state(self) -> Manager:
        return self.view.manager()

    def site(self) -> Site:
        return self.own

    def declared(self) -> Declared:
        self._refuse_others()
        if self.held.now is None:
            return Declared({}, ours=False)
        now = self.held.now
        master = self._master()
        same = None if master is None or master is self else master.held.now == now
        return Declared(now.partitions, now.physical, True, same)

    def fingerprint(self) -> str | None:
        return f"{self.held.jobs} {self.held.others} {self.held.now}"

    def apply(self, declaration: Declaration) -> Receipt:
        self._refuse_others()
        held = self.held
        if self.trusted and held.now == declaration:
            self._work()
            return self._receipt(fresh=False)
        held.now = held.before = declaration
        held.jobs += 1
        self.publishes += 1
        self.trusted = True
        self._work()
        return self._receipt(fresh=True)

    def in_force(self, receipt: Receipt) -> bool | None:
        self._work()
        return str(self.held.done) == receipt.mark

    def prepare(self, declaration: Declaration, *, confirmed: bool) -> bool:
        self._refuse_others()
        if self.held.now == declaration:
            return False
        self.held.now = self.held.before = declaration
        self.held.jobs += 1
        self.publishes += 1
        return True

    def invalidate(self) -> None:
        self.trusted = False

    def restore(self) -> None:
        if self.held.before is None:
            raise Refused("cannot restore: nothing has been declared from here yet")
        self.held.now, self.held.others = self.held.before, False
        self.trusted = False

    def take_over(self) -> None:
        self.held.others = False

    def serves_vports(self) -> bool | None:
        return True

    def takes_office(self) -> None:
        """Become master, as after a failover: what it holds is what the tables show then."""
        self.fabric.ports[self.host].manager = SmState.MASTER
        self._work()

    def _work(self) -> None:
        held = self.held
        if self.deaf or self.fabric.ports[self.host].manager is not SmState.MASTER:
            return
        if held.done != held.jobs:
            self.reloads += 1
        held.done = held.jobs
        for port in self.fabric.ports.values():
            if port.cables:
                port.write(self._entries(port))

    def _entries(self, port: Port) -> set[TableEntry]:
        now, mine = self.held.now, port is self.fabric.ports[self.host]
        is_full = mine or port.guid in self.full_default or now is None
        found = {TableEntry(DEFAULT_PARTITION, full_member=is_full)}
        if now is None:
            return found
        for key, partition in now.partitions.items():
            if port.guid in partition.members:
                found.add(TableEntry.of(key, partition.members[port.guid]))
        for statement in now.site.statements:
            if any(guid == port.guid for guid in statement.guids()):
                found.add(TableEntry.of(statement.key, Membership.FULL))
        if port.guid in now.rewrite:
            found.add(TableEntry.of(SCRATCH_KEY, Membership.FULL))
        return found

    def _refuse_others(self) -> None:
        if self.held.others:
            raise Refused("cannot declare: what stands there is another's; `take-over`, `restore`")

    def _receipt(self, *, fresh: bool) -> Receipt:
        seen = not fresh and self.held.done == self.held.jobs
        overdue = "cannot prove that the job was done within {limit_s} s"
        return Receipt(str(self.held.jobs), fresh, seen, overdue)

    def _master(self) -> FakeSubnetManager | None:
        master = self.fabric.master
        found = [each for each in self.others if each.fabric.ports[each.host] is master]
        return found[0] if found else None
