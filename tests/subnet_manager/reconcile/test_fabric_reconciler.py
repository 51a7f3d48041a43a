# SPDX-License-Identifier: Apache-2.0
"""Passes of the reconciler over a subnet manager in memory, under the contract of real ones.

The same on real OpenSM: tests/real/test_opensm_reconcile.py and its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from fake_subnet_manager import FakeSubnetManager
from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, PartitionKey, TableEntry
from ibstack.mad import SmState
from ibstack.subnet_manager.fabricd.with_opensm import opensm_reconciler
from ibstack.subnet_manager.observed.fabric_view import FabricView
from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
from ibstack.subnet_manager.policy.drift import Audit, DriftClass
from ibstack.subnet_manager.reconcile.assembly import assemble
from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests, Order
from ibstack.subnet_manager.settings import Limits, Settings
from memory_fabric import MemoryFabric, MemoryOpenSm
from one_reconciler import Tenants

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ibstack.subnet_manager.policy.drift import Survey

RED, BLUE = PartitionKey(0x0101), PartitionKey(0x0102)
HEAD, STANDBY, PF, PF5 = (Guid(guid) for guid in (0x11, 0x21, 0x31, 0x41))
HOSTS = {"head": 0x10, "standby": 0x20, "node002": 0x30, "node003": 0x40}


class NoGroups:
    """A subnet manager whose multicast groups nobody asks for."""

    known = False

    def audit(self, survey: Survey) -> Audit:
        return Audit(())


@dataclass
class Clock:
    """Time that passes by what is waited for."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> bool:
        self.now += seconds
        return False


@dataclass
class Host:
    """A reconciler beside the fake manager of one host."""

    fabric: MemoryFabric
    name: str
    folder: Path
    tenants: Tenants = field(default_factory=Tenants)
    clock: Clock = field(default_factory=Clock)
    asked_anew: int = 0

    def __post_init__(self) -> None:
        self.settings = Settings(
            DEFAULT_OWNED_KEYS,
            frozenset({HEAD, STANDBY}),
            removal_grace_s=3.0,
            limits=Limits(proof_s=5.0, read_back_s=1.0),
        )
        view = FabricView(
            lambda: self.fabric.reader_at(self.name),
            clock=self.clock,
            may_manage=self.settings.full_default,
        )
        self.view = view
        self.manager = FakeSubnetManager(self.fabric, self.name, view, self.settings.full_default)
        self.requests = OperatorRequests(self.folder)
        self.restart()

    def restart(self) -> None:
        def ask_anew() -> None:
            self.asked_anew += 1

        self.manager.trusted = False
        self.reconciler = assemble(
            self.settings,
            self.tenants,
            self.view,
            self.manager,
            NoGroups(),
            self.folder,
            pause=self.clock.pause,
            ask_anew=ask_anew,
            clock=self.clock,
        )

    def passes(self, count: int = 1, apart_s: float = 0.5) -> list[str]:
        """Do passes; return what the last one's failures say."""
        for _ in range(count):
            outcome = self.reconciler.once()
            self.clock.now += apart_s
        return [str(failure) for failure in outcome.failures]

    @property
    def problems(self) -> str:
        return "\n".join(self.reconciler.status.problems)

    @property
    def kinds(self) -> set[DriftClass]:
        return {drift.kind for drift in self.reconciler.status.drift or ()}


@pytest.fixture
def fabric() -> MemoryFabric:
    found = MemoryFabric(HOSTS)
    found.ports["head"].manager = SmState.MASTER
    found.ports["standby"].manager = SmState.STANDBY
    return found


def write(host: Host, guid: Guid, *raw: int) -> None:
    """Write a table behind the subnet manager's back, and let it be time for an audit."""
    entries = [TableEntry.from_wire(each) for each in raw]
    host.fabric.at(guid).holds(entry for entry in entries if entry)
    host.clock.now += host.settings.audit_interval_s


@pytest.fixture
def head(fabric: MemoryFabric, tmp_path: Path) -> Host:
    return Host(fabric, "head", tmp_path / "head")


@pytest.fixture
def standby(fabric: MemoryFabric, head: Host, tmp_path: Path) -> Host:
    found = Host(fabric, "standby", tmp_path / "standby", Tenants(head.tenants.members), head.clock)
    found.manager.others, head.manager.others = [head.manager], [found.manager]
    return found


def test_who_is_desired_is_admitted_and_reported_when_the_table_shows_it(head: Host) -> None:
    head.tenants.boot("p1", PF, RED, shared=True)
    head.tenants.boot("p2", PF5, RED)

    assert head.passes() == []

    assert head.tenants.in_force == {"p1", "p2"}
    assert head.fabric.table(PF) == {"0x7fff", "0x8101"}
    assert head.fabric.table(PF5) == {"0x7fff", "0x8101"}
    publishes = head.manager.publishes
    assert head.reconciler.once().changed == 0
    assert head.manager.publishes == publishes
    assert head.reconciler.status.role == "master"


def test_nobody_is_reported_before_neutron_has_answered(head: Host) -> None:
    head.tenants.away = True
    head.tenants.boot("p1", PF, RED, shared=True)

    (failure,) = head.passes()

    assert "the broker is away" in failure
    assert (head.manager.publishes, head.tenants.told) == (0, [])


def test_what_is_not_in_force_in_time_is_not_reported(head: Host) -> None:
    head.tenants.boot("p1", PF, RED, shared=True)
    head.manager.deaf = True

    (failure,) = head.passes()
    assert failure == "cannot prove that the job was done within 5 s"
    assert head.tenants.told == []

    head.manager.deaf = False
    assert head.passes() == []
    assert head.tenants.in_force == {"p1"}


def test_a_vf_that_changes_its_tenant_is_seen_out_first(head: Host) -> None:
    head.tenants.boot("p1", PF5, RED)
    head.passes()
    before = head.manager.publishes

    head.tenants.boot("p1", PF5, BLUE)
    head.passes()

    assert head.manager.publishes == before + 2
    assert head.fabric.table(PF5) == {"0x7fff", "0x8102"}
    assert head.tenants.in_force == {"p1"}


def test_a_physical_port_is_held_for_the_grace_and_then_leaves(head: Host) -> None:
    head.tenants.boot("p1", PF, RED, shared=True)
    head.tenants.boot("p2", PF5, RED)
    head.passes()
    head.tenants.members.clear()

    head.passes()
    assert head.fabric.table(PF) == {"0x7fff", "0x8101"}
    assert head.fabric.table(PF5) == {"0x7fff"}

    head.passes(2, apart_s=3.0)
    assert head.fabric.table(PF) == {"0x7fff"}


def test_a_mass_removal_is_held_while_others_are_admitted_until_it_is_ordered(head: Host) -> None:
    for port in range(12):
        head.tenants.boot(f"p{port}", Guid(0xFA163E0000000000 + port + 1), RED)
    head.passes()
    head.tenants.members.clear()
    head.tenants.boot("new", PF5, BLUE)

    (failure,) = head.passes()
    assert "12 of 12 members would go" in failure
    assert len(head.manager.declared().partitions[RED].members) == 12
    assert head.fabric.table(PF5) == {"0x7fff", "0x8102"}
    assert head.tenants.in_force == {"new"}

    for port in range(100):
        head.tenants.boot(f"n{port}", Guid(0xFA163E0000010000 + port + 1), BLUE)
    head.restart()
    (failure,) = head.passes()
    assert "12 of 12 members would go" in failure
    assert len(head.manager.declared().partitions[RED].members) == 12

    head.requests.give(Order.ALLOW_REMOVALS)
    assert head.passes() == []
    assert RED not in head.manager.declared().partitions
    assert not head.requests.ordered(Order.ALLOW_REMOVALS)


def test_an_order_to_allow_removals_is_no_leave_for_those_of_another_day(head: Host) -> None:
    for port in range(12):
        head.tenants.boot(f"p{port}", Guid(0xFA163E0000000000 + port + 1), RED)
    head.passes(2)

    head.requests.give(Order.ALLOW_REMOVALS)
    assert head.passes() == []
    assert not head.requests.ordered(Order.ALLOW_REMOVALS)

    head.tenants.members.clear()
    (failure,) = head.passes()
    assert "12 of 12 members would go" in failure


def test_what_is_anothers_is_left_alone_until_it_is_ordered(head: Host) -> None:
    head.manager.held.others = True
    head.tenants.boot("p1", PF, RED, shared=True)

    (failure,) = head.passes()
    assert "take-over`" in failure
    assert head.reconciler.numbers.members == {"in_force": 0, "waiting": 1, "unfit": 0}

    head.requests.give(Order.TAKE_OVER)
    assert head.passes() == []
    assert head.tenants.in_force == {"p1"}


def test_an_edit_is_named_audited_and_restored_on_order(head: Host) -> None:
    head.tenants.boot("p1", PF, RED, shared=True)
    head.passes()
    head.manager.held.others = True
    write(head, PF, 0xFFFF)

    head.passes(20)
    assert "restore`" in head.problems
    assert DriftClass.OPEN_DEFAULT in head.kinds
    assert head.reconciler.numbers.repairs == 0

    head.requests.give(Order.RESTORE)
    head.passes()
    assert "restore`" not in head.problems
    head.passes(4, apart_s=head.settings.audit_interval_s)
    assert head.problems == ""
    assert head.fabric.table(PF) == {"0x7fff", "0x8101"}


def test_drift_is_named_after_two_looks_and_repaired(head: Host) -> None:
    head.tenants.boot("p1", PF, RED, shared=True)
    head.passes()
    write(head, PF, 0xFFFF, 0x8102)
    assert head.fabric.table(PF) == {"0xffff", "0x8102"}

    for _ in range(20):
        head.passes()
        if head.reconciler.numbers.repairs:
            break

    assert head.fabric.table(PF) == {"0x7fff", "0x8101"}
    assert head.reconciler.numbers.repairs == 1
    head.passes(4)
    assert head.problems == ""


def test_a_standby_is_prepared_and_says_nothing(head: Host, standby: Host) -> None:
    head.tenants.boot("p1", PF, RED, shared=True)
    head.passes()
    standby.passes()
    asked = standby.asked_anew

    assert standby.reconciler.status.role == "standby"
    assert standby.manager.held.now == head.manager.held.now
    assert standby.tenants.told == []

    head.tenants.boot("p2", PF5, BLUE)
    head.passes()
    standby.tenants.trouble = TryLater("cannot ask Neutron: the broker is away")
    standby.passes()
    assert standby.asked_anew > asked, "the master has declared what was not heard of"


def test_one_that_takes_over_changes_no_table_and_goes_on(head: Host, standby: Host) -> None:
    head.tenants.boot("p1", PF, RED, shared=True)
    head.passes()
    standby.passes()

    head.fabric.ports["head"].manager = None
    standby.manager.takes_office()
    assert standby.fabric.table(PF) == {"0x7fff", "0x8101"}
    standby.tenants.boot("p2", PF5, BLUE)
    standby.passes(2)

    assert standby.reconciler.status.role == "master"
    assert standby.tenants.in_force == {"p1", "p2"}
    assert standby.fabric.table(PF5) == {"0x7fff", "0x8102"}


def test_one_that_takes_over_acknowledges_nothing_until_neutron_has_answered(
    head: Host, standby: Host
) -> None:
    head.tenants.boot("p1", PF, RED, shared=True)
    head.passes()
    standby.passes()
    head.fabric.ports["head"].manager = None
    standby.manager.takes_office()
    standby.tenants.trouble = TryLater("cannot ask Neutron: the broker is away")

    standby.passes(3)
    assert standby.tenants.told == []
    assert DriftClass.STALE_STANDBY in standby.kinds
    assert "Neutron has not confirmed" in standby.problems

    standby.tenants.trouble = None
    standby.passes(2)
    assert standby.tenants.in_force == {"p1"}
    assert standby.problems == ""


def test_a_standby_that_obeys_a_stranger_raises_the_alarm(
    fabric: MemoryFabric, standby: Host
) -> None:
    fabric.ports["head"].manager = None
    fabric.ports["node003"].manager = SmState.MASTER

    standby.passes()

    assert standby.kinds == {DriftClass.FOREIGN_MANAGER}
    assert "node003 at port 4 of switch" in standby.problems


def test_a_manager_that_is_not_there_is_waited_for(fabric: MemoryFabric, head: Host) -> None:
    fabric.ports["head"].manager = None
    fabric.ports["standby"].manager = None
    head.tenants.boot("p1", PF, RED, shared=True)

    outcome = head.reconciler.once()
    assert outcome.waiting_for is not None
    assert head.reconciler.status.role == "unknown"
    assert head.tenants.told == []

    fabric.ports["head"].manager = SmState.MASTER
    head.passes(2)
    assert head.tenants.in_force == {"p1"}


def test_a_restart_over_what_is_in_force_changes_nothing(head: Host) -> None:
    head.tenants.boot("p1", PF, RED, shared=True)
    head.passes()
    before = replace(head.manager.held.now) if head.manager.held.now else None

    head.restart()
    head.passes()

    assert head.manager.held.now == before
    assert head.tenants.in_force == {"p1"}


# OpenSM's own back end, whose file and proof key the fake has not.


@pytest.fixture
def beside_opensm(fabric: MemoryFabric, tmp_path: Path) -> Callable[[], Host]:
    """A reconciler over OpenSM's back end, and an OpenSM in memory that reads its file."""
    host = Host(fabric, "head", tmp_path / "state")
    path = tmp_path / "partitions.conf"
    path.write_text("Default=0x7fff,indx0: ALL=limited, SELF=full;\n")
    processes = MemoryOpenSm(fabric, "head", path)

    def started() -> Host:
        host.reconciler = opensm_reconciler(
            host.settings,
            host.tenants,
            host.view,
            processes,  # type: ignore[arg-type]
            PartitionsFileStore(path, host.folder, host.settings.full_default),
            pause=host.clock.pause,
            clock=host.clock,
        )
        return host

    return started


def test_each_publish_has_a_proof_key_that_was_not_there_and_shows_on_the_managers_port(
    beside_opensm: Callable[[], Host], tmp_path: Path
) -> None:
    host = beside_opensm()
    shown = []
    for port, guid in (("p1", PF), ("p2", PF5)):
        host.tenants.boot(port, guid, RED, shared=True)
        assert host.passes() == []
        shown.append({str(e.partition) for e in host.fabric.at(HEAD).table if e} - {"0x7fff"})

    assert host.tenants.in_force == {"p1", "p2"}
    assert shown == [{"0x7ff1"}, {"0x7ff2"}]
    assert "n7ff2=0x7ff2: SELF=full;" in (tmp_path / "partitions.conf").read_text()


def test_a_file_that_cannot_be_read_is_named_with_its_line_and_left_alone(
    beside_opensm: Callable[[], Host], tmp_path: Path
) -> None:
    host, path = beside_opensm(), tmp_path / "partitions.conf"
    host.tenants.boot("p1", PF, RED, shared=True)
    host.passes()
    broken = path.read_text().replace("n0101=0x0101", "n0101=0x101O1")
    path.write_text(broken)

    (failure,) = host.passes()
    assert f"{path}:4: partition key '0x101O1'" in failure
    assert path.read_text() == broken

    host.requests.give(Order.RESTORE)
    assert host.passes() == []
    assert (host.folder / "partitions.conf.replaced").read_text() == broken
    assert host.fabric.table(PF) == {"0x7fff", "0x8101"}


def test_a_fabricd_that_starts_proves_what_stands_there_anew(
    beside_opensm: Callable[[], Host], tmp_path: Path
) -> None:
    host, path = beside_opensm(), tmp_path / "partitions.conf"
    host.tenants.boot("p1", PF, RED, shared=True)
    host.passes()
    before = path.read_text()

    again = beside_opensm()
    again.passes()

    assert path.read_text() == before.replace("7ff1", "7ff2")
    assert again.tenants.in_force == {"p1"}
