# SPDX-License-Identifier: Apache-2.0
"""The reconciler against real OpenSMs: what it says is in force is read back from the wires."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, KeyRange, PartitionKey
from ibstack.mad import FabricReader
from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
from ibstack.subnet_manager.reconcile.operator_requests import Order
from ibstack.subnet_manager.settings import Settings
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.tamper import write_entries
from ibstack_lab.topology import ARTICLE
from one_reconciler import MANAGERS, Keeper, Tenants

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack_lab.fabric.simulated import Fabric

RED, BLUE = PartitionKey(0x0101), PartitionKey(0x0102)
HEAD, STANDBY, PF, PF5 = (host.port_guid for host in ARTICLE.hosts)


@pytest.fixture
def tenants() -> Tenants:
    return Tenants()


@pytest.fixture
def keeper(fabric: Fabric, tenants: Tenants, tmp_path: Path) -> Keeper:
    return Keeper(fabric, "head", tenants, tmp_path / "state-head")


def test_a_tenants_port_is_in_force_when_it_is_said_to_be(keeper: Keeper) -> None:
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.tenants.boot("p2", PF5, RED)

    outcome = keeper.reconciler.once()

    assert outcome.failures == ()
    assert keeper.tenants.in_force == {"p1", "p2"}
    assert keeper.table(PF) == {"0x7fff", "0x8101"}
    assert keeper.table(PF5) == {"0x7fff", "0x8101"}
    assert keeper.reconciler.once().changed == 0


def test_a_standby_follows_within_a_second_and_its_file_is_equal_to_the_byte(
    fabric: Fabric, keeper: Keeper, tenants: Tenants, tmp_path: Path
) -> None:
    standby = Keeper(fabric, "node001", Tenants(tenants.members), tmp_path / "state-standby")
    for port in range(3):
        tenants.boot(f"p{port}", Guid(0xFA163E0000000000 + port + 1), RED)
        keeper.reconciler.once()
        standby.until(lambda: standby.path.read_bytes() == keeper.path.read_bytes(), limit_s=1)

    assert keeper.reconciler.status.role == "master"
    assert standby.reconciler.status.role == "standby"
    assert standby.tenants.told == []
    assert standby.reconciler.status.digest == keeper.reconciler.status.digest


def test_a_standby_without_news_takes_no_proof_over_and_follows_when_there_is_some(
    fabric: Fabric, keeper: Keeper, tenants: Tenants, tmp_path: Path
) -> None:
    standby = Keeper(fabric, "node001", Tenants(tenants.members), tmp_path / "state-standby")
    tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()
    standby.until(lambda: standby.path.read_bytes() == keeper.path.read_bytes())
    before = standby.path.read_bytes()

    standby.tenants.trouble = TryLater("cannot ask Neutron: the broker is away")
    keeper.requests.give(Order.RESTORE)  # The same file under another proof key.
    keeper.until(lambda: keeper.path.read_bytes() != before)
    for _ in range(3):
        standby.reconciler.once()
    assert standby.path.read_bytes() == before

    standby.tenants.trouble = None
    standby.until(lambda: standby.path.read_bytes() == keeper.path.read_bytes())


def test_a_standby_that_cannot_keep_its_file_equal_raises_the_alarm(
    fabric: Fabric, keeper: Keeper, tenants: Tenants, tmp_path: Path
) -> None:
    standby = Keeper(fabric, "node001", tenants, tmp_path / "state-standby")
    keeper.reconciler.once()
    standby.reconciler.once()
    before = standby.reconciler.status.problems
    assert before == ()

    standby.path.write_text("oops\n")
    standby.reconciler.once()

    assert standby.reconciler.status.problems[0].startswith("stale standby: ")


def test_a_standby_that_takes_over_changes_no_tenants_table_and_goes_on(
    fabric: Fabric, keeper: Keeper, tenants: Tenants, tmp_path: Path
) -> None:
    standby = Keeper(fabric, "node001", Tenants(tenants.members), tmp_path / "state-standby")
    tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()
    standby.until(lambda: standby.path.read_bytes() == keeper.path.read_bytes())

    fabric.kill_subnet_manager("head")
    standby.until(lambda: standby.reconciler.status.role == "master", limit_s=20)
    assert standby.table(PF) == {"0x7fff", "0x8101"}
    tenants.boot("p2", PF5, RED)
    standby.until(lambda: standby.tenants.in_force == {"p1", "p2"})
    assert standby.reconciler.numbers.members == {"in_force": 2, "waiting": 0, "unfit": 0}

    assert standby.table(PF5) == {"0x7fff", "0x8101"}


def test_an_opensm_that_was_killed_is_waited_for_and_brought_back(
    fabric: Fabric, keeper: Keeper
) -> None:
    fabric.stop_subnet_manager("node001")
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()
    fabric.kill_subnet_manager("head")
    keeper.tenants.boot("p2", PF5, BLUE)

    keeper.until(lambda: "waiting for OpenSM" in " ".join(keeper.reconciler.status.problems))
    assert keeper.tenants.in_force == {"p1"}
    fabric.start_subnet_manager("head")
    keeper.until(lambda: keeper.tenants.in_force == {"p1", "p2"})

    assert keeper.table(PF) == {"0x7fff", "0x8101"}
    assert keeper.table(PF5) == {"0x7fff", "0x8102"}


def test_a_port_that_moves_is_seen_out_of_its_old_tenant_first(keeper: Keeper) -> None:
    keeper.tenants.boot("p1", PF5, RED)
    keeper.reconciler.once()
    keeper.tenants.boot("p1", PF5, BLUE)

    keeper.reconciler.once()

    assert keeper.table(PF5) == {"0x7fff", "0x8102"}
    assert keeper.tenants.in_force == {"p1"}


def test_a_physical_port_stays_for_the_grace_and_then_leaves(keeper: Keeper) -> None:
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.tenants.boot("p2", PF5, RED)
    keeper.reconciler.once()
    keeper.tenants.members.clear()

    keeper.reconciler.once()
    assert keeper.table(PF) == {"0x7fff", "0x8101"}
    assert keeper.table(PF5) == {"0x7fff"}
    keeper.until(lambda: keeper.table(PF) == {"0x7fff"}, limit_s=3)


def test_what_somebody_wrote_into_a_table_is_named_and_repaired(
    fabric: Fabric, tenants: Tenants, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(DEFAULT_OWNED_KEYS, MANAGERS, audit_interval_s=0.2)
    keeper = Keeper(fabric, "head", tenants, tmp_path / "state", settings)
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()
    attachment = Attachment(keeper.fabric, "head")
    try:
        write_entries(attachment, FabricReader(attachment), PF, {0: 0xFFFF, 1: 0, 5: 0x8102})
    finally:
        attachment.close()
    assert keeper.table(PF) == {"0xffff", "0x8102"}

    keeper.until(lambda: keeper.table(PF) == {"0x7fff", "0x8101"})

    assert {"missing", "unexpected", "open default"} == {
        record.getMessage().split(": ")[1]
        for record in caplog.records
        if record.getMessage().startswith("drift: ")
    }
    keeper.until(lambda: not keeper.reconciler.status.problems)


def test_a_table_written_while_nobody_looked_is_repaired_after_a_restart(
    fabric: Fabric, tenants: Tenants, tmp_path: Path
) -> None:
    settings = Settings(DEFAULT_OWNED_KEYS, MANAGERS, audit_interval_s=0.2)
    tenants.boot("p1", PF, RED, shared=True)
    tenants.boot("p2", PF5, BLUE, shared=True)
    Keeper(fabric, "head", tenants, tmp_path / "state", settings).reconciler.once()
    attachment = Attachment(fabric, "head")
    try:
        write_entries(attachment, FabricReader(attachment), PF, {1: 0})
    finally:
        attachment.close()

    again = Keeper(fabric, "head", tenants, tmp_path / "state", settings)
    again.until(lambda: again.table(PF) == {"0x7fff", "0x8101"}, limit_s=30)

    again.until(lambda: again.tenants.in_force == {"p1", "p2"}, limit_s=30)
    again.until(lambda: not again.reconciler.status.problems, limit_s=30)


def test_a_file_broken_by_hand_is_reported_with_its_line_and_restored_only_on_order(
    keeper: Keeper,
) -> None:
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()
    good = keeper.path.read_text()
    broken = good.replace("n0101=0x0101", "n0101=0x101O1")
    keeper.path.write_text(broken)

    outcome = keeper.reconciler.once()
    (failure,) = outcome.failures
    assert f"{keeper.path}:4: partition key '0x101O1'" in str(failure)
    assert "partition restore" in str(failure)
    assert keeper.path.read_text() == broken

    keeper.requests.give(Order.RESTORE)
    keeper.until(lambda: not keeper.reconciler.status.problems)
    assert keeper.table(PF) == {"0x7fff", "0x8101"}
    assert keeper.publication.replaced.read_text() == broken


def test_an_edit_that_parses_is_not_overwritten_either(keeper: Keeper) -> None:
    keeper.reconciler.once()
    edited = keeper.path.read_text() + "mine=0x0005: ALL_CAS=full;\n"
    keeper.path.write_text(edited)
    keeper.tenants.boot("p1", PF, RED, shared=True)

    (failure,) = keeper.reconciler.once().failures

    assert "edited by hand" in str(failure)
    assert keeper.path.read_text() == edited
    assert keeper.tenants.in_force == frozenset()


def test_a_file_from_before_ibstack_is_replaced_only_on_order(
    fabric: Fabric, tenants: Tenants, tmp_path: Path
) -> None:
    theirs = "Default=0x7fff: ALL=full;\nstorage=0x0005: ALL=full;\n"
    fabric.partitions_conf("head").write_text(theirs)
    keeper = Keeper(fabric, "head", tenants, tmp_path / "state")

    (failure,) = keeper.reconciler.once().failures
    assert "partition take-over" in str(failure)
    assert keeper.path.read_text() == theirs

    keeper.requests.give(Order.TAKE_OVER)
    keeper.until(lambda: not keeper.reconciler.status.problems)
    assert keeper.path.read_text() != theirs
    assert keeper.publication.replaced.read_text() == theirs


def test_the_sites_own_partitions_are_in_force_beside_ours(
    fabric: Fabric, tenants: Tenants, tmp_path: Path
) -> None:
    site = tmp_path / "site.conf"
    site.write_text("# storage\nstorage=0x7fef,ipoib: ALL_CAS=full;")
    owned = KeyRange.parse("0x0001-0x7000")
    settings = Settings(owned, MANAGERS, site_partitions=site)
    keeper = Keeper(fabric, "head", tenants, tmp_path / "state", settings)
    tenants.boot("p1", PF, RED, shared=True)

    assert keeper.reconciler.once().failures == ()
    assert keeper.table(PF) == {"0x7fff", "0x8101", "0xffef"}

    before = keeper.path.read_text()
    site.write_text("storage=0x7fef: ALL_CAS=ful;\n")
    tenants.boot("p2", PF5, RED)
    (failure,) = keeper.reconciler.once().failures
    assert f"{site}:1: ALL_CAS= says 'ful'" in str(failure)
    assert keeper.path.read_text() == before


def test_a_mass_removal_waits_for_an_order(keeper: Keeper) -> None:
    for port in range(12):
        keeper.tenants.boot(f"p{port}", Guid(0xFA163E0000000000 + port + 1), RED)
    keeper.reconciler.once()
    before = keeper.path.read_text()
    keeper.tenants.members.clear()

    (failure,) = keeper.reconciler.once().failures
    assert "12 of 12 members would go" in str(failure)
    assert keeper.path.read_text() == before

    keeper.requests.give(Order.ALLOW_REMOVALS)
    keeper.until(lambda: "0x0101" not in keeper.path.read_text())
    assert not keeper.requests.ordered(Order.ALLOW_REMOVALS)


def test_nothing_is_published_until_it_is_known_what_is_desired(keeper: Keeper) -> None:
    before = keeper.path.read_text()
    keeper.tenants.away = True

    (failure,) = keeper.reconciler.once().failures

    assert "the broker is away" in str(failure)
    assert keeper.path.read_text() == before


class Killed(BaseException):
    """What kill -9 is to this process: nothing after it runs."""


class Mortal(PartitionsFileStore):
    """A publication whose process ends just before its n-th write, or just after it."""

    writes_left = 1 << 30
    after = False

    def put(self, path: Path, text: str) -> None:
        self.writes_left -= 1
        if self.writes_left == 0 and not self.after:
            raise Killed
        super().put(path, text)
        if self.writes_left == 0:
            raise Killed


@pytest.mark.parametrize("write", [1, 2, 3, 4])
@pytest.mark.parametrize("after", [False, True])
def test_an_end_between_any_two_writes_never_looks_like_an_edit(
    keeper: Keeper, write: int, after: bool
) -> None:
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()
    for _ in range(2):  # The second end comes while the first is not yet mended.
        keeper.tenants.boot("p2", PF5, BLUE if PF5 in keeper.members_of(RED) else RED)
        dying = Keeper(keeper.fabric, "head", keeper.tenants, keeper.state, keeper.settings, Mortal)
        assert isinstance(dying.publication, Mortal)
        dying.publication.writes_left, dying.publication.after = write, after
        with suppress(Killed):
            dying.reconciler.once()

    heir = Keeper(keeper.fabric, "head", Tenants(keeper.tenants.members), keeper.state)
    heir.until(lambda: heir.tenants.in_force == {"p1", "p2"})

    wanted = "0x8101" if keeper.tenants.members["p2"].key == RED else "0x8102"
    assert heir.table(PF5) == {"0x7fff", wanted}
