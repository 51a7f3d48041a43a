# SPDX-License-Identifier: Apache-2.0
"""What an order would do is told without doing it; what is ordered lies there for fabricd."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import BadInput, Refused, TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PROOF_KEYS, Membership, Partition, PartitionKey
from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile
from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests, Order
from ibstack.views.operator_orders import (
    WOULD,
    give,
    give_accept_host,
    would_accept,
    would_restore,
    would_take_over,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.subnet_manager.reconcile.pass_context import Desired

RED, PORT = PartitionKey(0x0101), Guid(0x31)
FILE = PartitionsFile(PROOF_KEYS[0], {RED: Partition(RED, {PORT: Membership.FULL})})


@dataclass
class Here:
    """The settings of one host's fabricd, and what was remarked."""

    folder: Path
    remarks: list[str] = field(default_factory=list)
    answer: Desired | None = None

    def __post_init__(self) -> None:
        self.settings = SimpleNamespace(
            partitions_conf=self.folder / "partitions.conf",
            state_path=self.folder / "state",
            poll_interval_s=10.0,
            fabric=SimpleNamespace(full_default=frozenset(), host_guids={}),
        )
        self.store = PartitionsFileStore(
            self.settings.partitions_conf, self.settings.state_path, frozenset()
        )

    def remark(self, line: object) -> None:
        self.remarks.append(str(line))

    def published(self) -> str:
        text = self.store.publish(FILE)
        self.store.settle(text)
        return text

    def desired(self) -> object:
        return SimpleNamespace(hosts={"node001": {PORT: True}}, members=(), alarms=())


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_what_a_restore_would_change_is_told_line_by_line_and_not_done(here: Here) -> None:
    good = here.published()
    edited = good.replace("0x0000000000000031=full", "0x0000000000000031=limited")
    here.store.path.write_text(edited)

    assert would_restore(here) == [  # type: ignore[arg-type]
        "-n0101=0x0101,ipoib: 0x0000000000000031=limited;",
        "+n0101=0x0101,ipoib: 0x0000000000000031=full;",
    ]
    assert here.store.path.read_text() == edited
    here.store.path.write_text(good)
    assert would_restore(here) == []  # type: ignore[arg-type]


def test_nothing_can_be_restored_before_the_first_publish(here: Here) -> None:
    with pytest.raises(Refused, match="nothing has been published"):
        would_restore(here)  # type: ignore[arg-type]


def test_the_lines_that_a_takeover_replaces_are_told(here: Here) -> None:
    here.store.path.write_text("Default=0x7fff: ALL=full;\nstorage=0x0005: ALL=full;\n")

    assert would_take_over(here) == [  # type: ignore[arg-type]
        "-Default=0x7fff: ALL=full;",
        "-storage=0x0005: ALL=full;",
    ]
    here.store.path.unlink()
    here.published()
    assert would_take_over(here) == []  # type: ignore[arg-type]
    assert "is nobody else's" in here.remarks[0]


@pytest.mark.parametrize("order", list(Order))
def test_what_is_ordered_lies_there_for_fabricd(here: Here, order: Order) -> None:
    said = give(here, order.value)  # type: ignore[arg-type]

    assert said.startswith(f"ordered: {order.value}; ibstack-fabricd does it at its next pass")
    assert OperatorRequests(here.settings.state_path).ordered(order)


def test_hosts_are_accepted_by_name(here: Here) -> None:
    said = list(give_accept_host(here, ["node001", "node002"]))  # type: ignore[arg-type]

    assert [line.partition(";")[0] for line in said] == [
        "ordered: accept-host 'node001'",
        "ordered: accept-host 'node002'",
    ]
    orders = here.settings.state_path / "orders" / "accept-host"
    assert sorted(each.name for each in orders.iterdir()) == ["node001", "node002"]


def test_a_host_that_reports_nothing_is_bad_input_to_a_dry_run(here: Here) -> None:
    with pytest.raises(BadInput, match="'node009'"):
        would_accept(here, ["node009"])  # type: ignore[arg-type]


def test_who_may_not_order_is_told_as_whom_to_run_it(here: Here) -> None:
    here.settings.state_path.write_text("no folder")

    with pytest.raises(Refused, match="run this as root or as the user of ibstack-fabricd"):
        give(here, "restore")  # type: ignore[arg-type]


def test_of_each_order_it_can_be_told_what_it_would_do() -> None:
    """Of a repair the audit tells it."""
    assert set(WOULD) == {each.value for each in Order} - {Order.REPAIR.value}


def test_no_host_is_accepted_where_one_of_them_is_no_name(here: Here) -> None:
    with pytest.raises(BadInput, match="cannot accept host ''"):
        give_accept_host(here, ["node001", ""])  # type: ignore[arg-type]

    assert not here.settings.state_path.exists()


def test_what_cannot_be_read_is_not_told_as_nothing(here: Here) -> None:
    here.store.path.mkdir()
    with pytest.raises(TryLater, match=r"cannot tell what an order would do: .*; run this as root"):
        would_take_over(here)  # type: ignore[arg-type]

    here.store.last_good.mkdir(parents=True)
    with pytest.raises(TryLater, match=r"cannot tell what an order would do: .*last-good"):
        would_restore(here)  # type: ignore[arg-type]


def test_an_order_where_no_fabricd_ever_ran_is_remarked(here: Here) -> None:
    for _ in range(2):
        give(here, "repair")  # type: ignore[arg-type]

    (remark,) = here.remarks
    assert "no ibstack-fabricd has run with these settings yet" in remark
