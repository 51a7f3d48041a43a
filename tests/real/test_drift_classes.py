# SPDX-License-Identifier: Apache-2.0
"""The drift that is hard to come by, made on a real OpenSM's fabric: named, repaired or left."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, PartitionKey, TableEntry
from ibstack.mad import FabricReader, PortState
from ibstack.subnet_manager.policy.drift import DriftClass
from ibstack.subnet_manager.reconcile.operator_requests import Order
from ibstack.subnet_manager.settings import Limits, Settings
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.tamper import drop_to_init
from ibstack_lab.topology import ARTICLE
from one_reconciler import MANAGERS, Keeper, Tenants, UnsizedView, said_of_drift

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.fabric.guid import Guid
    from ibstack_lab.fabric.simulated import Fabric

RED = PartitionKey(0x0101)
_, _, PF, PF5 = (host.port_guid for host in ARTICLE.hosts)
ROOM = 64
"""Entries of an adapter's table in ibsim."""


@pytest.fixture
def keeper(fabric: Fabric, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Keeper:
    caplog.set_level(logging.INFO)
    settings = Settings(
        DEFAULT_OWNED_KEYS,
        MANAGERS,
        audit_interval_s=0.2,
        removal_grace_s=0.1,
        limits=Limits(read_back_s=0.2),
    )
    return Keeper(fabric, "head", Tenants(), tmp_path / "state", settings)


def state(keeper: Keeper, guid: Guid) -> PortState:
    with keeper.reader() as reader:
        return reader.discover().ports[guid].state


def kinds(keeper: Keeper) -> set[DriftClass]:
    drift = keeper.reconciler.status.drift
    assert drift is not None
    return {each.kind for each in drift}


def test_a_port_whose_trap_was_lost_is_named_and_comes_up(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()
    with closing(Attachment(keeper.fabric, "head")) as attachment:
        drop_to_init(attachment, FabricReader(attachment), PF)
    assert state(keeper, PF) is PortState.INITIALIZE

    keeper.until(lambda: state(keeper, PF) is PortState.ACTIVE, limit_s=5)

    keeper.until(lambda: not keeper.reconciler.status.problems)
    assert said_of_drift(caplog) == [
        ("WARNING", f"drift: port down: {PF} node002"),
        ("INFO", f"drift is over: port down: {PF} node002"),
    ]
    assert keeper.table(PF) == {"0x7fff", "0x8101"}


def fill(keeper: Keeper, partitions: int) -> None:
    """Make PF a member of so many partitions, beside the default one."""
    for number in range(1, partitions + 1):
        keeper.tenants.boot(f"p{number}", PF, PartitionKey(number), shared=True)


def test_a_table_without_a_free_entry_is_an_alarm_and_nothing_is_missing(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    fill(keeper, ROOM - 2)
    keeper.reconciler.once()
    keeper.until(lambda: keeper.reconciler.numbers.audits == 3)
    assert said_of_drift(caplog) == []

    fill(keeper, ROOM - 1)
    keeper.until(lambda: kinds(keeper) == {DriftClass.TABLE_FULL})

    assert len(keeper.tenants.in_force) == ROOM - 1
    assert len(keeper.table(PF)) == ROOM
    assert keeper.reconciler.numbers.repairs == 0
    del keeper.tenants.members["p1"]
    keeper.until(lambda: not keeper.reconciler.status.problems)
    full = f"table full: {PF} node002"
    assert said_of_drift(caplog) == [
        ("ERROR", f"drift: {full}"),
        ("INFO", f"drift is over: {full}"),
    ]


def test_what_does_not_fit_a_table_is_named_tried_a_few_times_and_touches_nothing_else(
    keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = replace(keeper, view_of=UnsizedView)
    fill(keeper, ROOM)
    keeper.tenants.boot("other", PF5, RED)
    keeper.reconciler.once()
    held = keeper.table(PF)
    (left_out,) = keeper.tenants.members.keys() - keeper.tenants.in_force
    entry = TableEntry(keeper.tenants.members[left_out].key, full_member=True)
    assert len(held) == ROOM
    assert str(entry) not in held
    assert "ERR 0512" in keeper.fabric.opensm_log("head").read_text()

    keeper.requests.give(Order.REPAIR)  # Not to wait until it has been late for long enough.
    keeper.until(lambda: keeper.reconciler.numbers.repairs == 3)
    looks = keeper.reconciler.numbers.audits
    keeper.until(lambda: keeper.reconciler.numbers.audits == looks + 3)

    assert keeper.reconciler.numbers.repairs == 3
    assert said_of_drift(caplog) == [
        ("WARNING", f"drift: missing: {PF} {entry} node002"),
        ("ERROR", f"drift: table full: {PF} node002"),
    ]
    assert keeper.table(PF) == held
    assert keeper.table(PF5) == {"0x7fff", "0x8101"}
    keeper.tenants.boot("later", PF5, PartitionKey(2))
    keeper.until(lambda: "later" in keeper.tenants.in_force)
    assert left_out not in keeper.tenants.in_force

    gone = next(port for port in keeper.tenants.in_force if port.startswith("p"))
    del keeper.tenants.members[gone]
    keeper.until(lambda: left_out in keeper.tenants.in_force)
    assert keeper.table(PF) - held == {str(entry)}
