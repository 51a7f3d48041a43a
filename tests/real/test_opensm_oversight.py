# SPDX-License-Identifier: Apache-2.0
"""What a master sees of its fabric where it cannot publish, or cannot read: real OpenSMs."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.partition import KeyRange, PartitionKey
from ibstack.mad import FabricReader, NotKnown
from ibstack.subnet_manager.policy.drift import DriftClass
from ibstack.subnet_manager.settings import Settings
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.tamper import write_entries
from ibstack_lab.topology import ARTICLE
from one_reconciler import MANAGERS, Keeper, Tenants

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import PkeyTable
    from ibstack.mad import PortRecord
    from ibstack_lab.fabric.simulated import Fabric

RED, BLUE = PartitionKey(0x0101), PartitionKey(0x0102)
PF, PF5 = (host.port_guid for host in ARTICLE.hosts if host.port_guid not in MANAGERS)
_OFTEN = Settings(
    KeyRange.parse("0x0001-0x7000"), MANAGERS, removal_grace_s=0.2, audit_interval_s=0.2
)


class HardOfHearing(FabricReader):
    """Hears no answer about the tables of some ports."""

    silent: frozenset[Guid] = frozenset()

    def pkey_tables(self, ports: Iterable[PortRecord]) -> dict[Guid, PkeyTable | NotKnown]:
        heard = super().pkey_tables(ports)
        return {g: NotKnown("no answer") if g in self.silent else t for g, t in heard.items()}


@dataclass
class Watcher(Keeper):
    """A keeper that audits all the time, and may be hard of hearing."""

    settings: Settings = field(default=_OFTEN)
    silent: set[Guid] = field(default_factory=set)

    @contextmanager
    def reader(self) -> Iterator[FabricReader]:
        reader = HardOfHearing(Attachment(self.fabric, self.host))
        reader.silent = frozenset(self.silent)
        try:
            yield reader
        finally:
            reader.close()

    def have_it_read_again(self) -> None:
        """Have OpenSM read its file, as it does at any heavy sweep."""
        os.kill(int(self.fabric.opensm_pid_file(self.host).read_text().split()[0]), signal.SIGHUP)

    @property
    def kinds(self) -> set[DriftClass]:
        return {drift.kind for drift in self.reconciler.status.drift or ()}


@pytest.fixture
def keeper(fabric: Fabric, tmp_path: Path) -> Watcher:
    return Watcher(fabric, "head", Tenants(), tmp_path / "state-head")


def test_ports_that_a_broken_file_has_opened_are_named_while_the_file_stands(
    keeper: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()
    good = keeper.path.read_text()
    keeper.path.write_text("oops\n")
    keeper.have_it_read_again()

    keeper.until(lambda: DriftClass.OPEN_DEFAULT in keeper.kinds, limit_s=20)

    drift = keeper.reconciler.status.drift or ()
    opened = {each.guid for each in drift if each.kind is DriftClass.OPEN_DEFAULT}
    assert opened >= {PF, PF5}
    assert "0xffff" in keeper.table(PF)
    assert any("partition restore" in problem for problem in keeper.reconciler.status.problems)
    assert keeper.reconciler.numbers.repairs == 0, "nothing may be published"
    assert keeper.path.read_text() == "oops\n"
    keeper.path.write_text(good)
    keeper.until(lambda: keeper.reconciler.status.drift == (), limit_s=20)
    for event in ("drift: ", "drift is over: "):
        about = f"{event}open default: {PF} "
        assert sum(about in record.getMessage() for record in caplog.records) == 1


def test_what_cannot_be_published_is_held_against_the_tables_as_well(keeper: Watcher) -> None:
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()
    keeper.path.write_text("oops\n")
    del keeper.tenants.members["p1"]
    keeper.tenants.boot("p2", PF5, BLUE, shared=True)

    keeper.until(lambda: len(keeper.kinds) == 2, limit_s=20)

    assert {str(drift).rpartition(" ")[0] for drift in keeper.reconciler.status.drift or ()} == {
        f"unexpected: {PF} 0x8101",
        f"missing: {PF5} 0x8102",
    }


def test_members_that_cannot_be_published_are_said_to_wait(keeper: Watcher) -> None:
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()
    keeper.path.write_text("oops\n")

    keeper.tenants.boot("p2", PF5, BLUE, shared=True)
    keeper.reconciler.once()

    assert keeper.reconciler.numbers.members == {"in_force": 1, "waiting": 1, "unfit": 0}
    assert keeper.tenants.in_force == {"p1"}


def test_a_cable_that_is_pulled_is_a_port_down_until_it_is_back(keeper: Watcher) -> None:
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.tenants.boot("p2", PF5, RED, shared=True)
    keeper.until(lambda: keeper.reconciler.status.drift == ())

    keeper.fabric.unlink("node002")
    keeper.until(lambda: DriftClass.PORT_DOWN in keeper.kinds, limit_s=20)
    (down,) = keeper.reconciler.status.drift or ()
    assert (down.guid, down.repairable) == (PF, False)
    assert keeper.reconciler.numbers.repairs == 0

    keeper.fabric.link("node002")
    keeper.until(lambda: keeper.reconciler.status.drift == (), limit_s=20)


def test_drift_at_a_port_that_falls_silent_is_not_over(
    keeper: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    def write(raw: int) -> None:
        attachment = Attachment(keeper.fabric, "head")
        try:
            write_entries(attachment, FabricReader(attachment), PF5, {7: raw})
        finally:
            attachment.close()

    caplog.set_level(logging.INFO)
    keeper.reconciler.once()
    write(0x7FE9 | 0x8000)  # Nobody's key, so it is not repaired.
    keeper.until(lambda: keeper.kinds == {DriftClass.UNKNOWN})
    (unknown,) = keeper.reconciler.status.drift or ()
    assert unknown.guid == PF5

    keeper.silent.add(PF5)
    looks = keeper.reconciler.numbers.audits
    keeper.until(lambda: keeper.reconciler.numbers.audits >= looks + 3)
    assert keeper.reconciler.status.drift == (unknown,)
    assert keeper.reconciler.numbers.unread == 1
    assert not any("over" in record.getMessage() for record in caplog.records)

    write(0)
    keeper.silent.clear()
    keeper.until(lambda: keeper.reconciler.status.drift == ())


def test_a_standby_with_an_edited_file_stays_an_alarm_when_it_takes_over(
    fabric: Fabric, keeper: Watcher, tmp_path: Path
) -> None:
    tenants = keeper.tenants
    tenants.boot("p1", PF, RED, shared=True)
    standby = Watcher(fabric, "node001", Tenants(tenants.members), tmp_path / "state-standby")
    keeper.reconciler.once()
    standby.until(lambda: standby.path.read_bytes() == keeper.path.read_bytes())
    standby.path.write_text("oops\n")
    standby.until(lambda: DriftClass.STALE_STANDBY in standby.kinds)

    fabric.kill_subnet_manager("head")
    standby.until(lambda: standby.reconciler.status.role == "master", limit_s=20)
    standby.until(lambda: DriftClass.OPEN_DEFAULT in standby.kinds, limit_s=20)
    assert "took over with an old file" in standby.reconciler.status.problems[0]
    assert standby.tenants.told == []

    standby.publication.restore()
    standby.until(lambda: standby.reconciler.status.problems == (), limit_s=20)
    assert standby.tenants.in_force == {"p1"}
    assert standby.table(PF) == {"0x7fff", "0x8101"}


def test_a_standby_that_cannot_ask_neutron_is_no_alarm_while_its_file_is_the_masters(
    fabric: Fabric, keeper: Watcher, tmp_path: Path
) -> None:
    standby = Watcher(fabric, "node001", Tenants(), tmp_path / "state-standby")
    keeper.reconciler.once()
    standby.until(lambda: standby.path.read_bytes() == keeper.path.read_bytes())

    keeper.tenants.away = standby.tenants.away = True
    for each in (keeper, standby):
        each.reconciler.once()
    (problem,) = standby.reconciler.status.problems
    assert "the broker is away" in problem

    keeper.tenants.away = False
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()
    standby.until(lambda: standby.kinds == {DriftClass.STALE_STANDBY})


def test_a_master_whose_own_link_is_lost_speaks_for_no_fabric(keeper: Watcher) -> None:
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.until(lambda: keeper.tenants.in_force == {"p1"})

    keeper.fabric.unlink("head")
    keeper.tenants.boot("p2", PF5, BLUE)
    keeper.reconciler.once()

    assert keeper.reconciler.status.role == "unknown"
    assert "the local port has no link" in keeper.reconciler.status.problems[0]
    assert keeper.tenants.in_force == {"p1"}
