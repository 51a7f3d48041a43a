# SPDX-License-Identifier: Apache-2.0
"""Orders of a person, kept until they are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests, Order

if TYPE_CHECKING:
    from pathlib import Path


def test_an_order_stands_until_it_is_done_for_whoever_runs_next(tmp_path: Path) -> None:
    requests = OperatorRequests(tmp_path / "state")
    assert not requests.ordered(Order.RESTORE)
    requests.give(Order.RESTORE)

    assert OperatorRequests(tmp_path / "state").ordered(Order.RESTORE)
    assert not requests.ordered(Order.REPAIR)

    for _ in range(2):
        requests.done(Order.RESTORE)
    assert not requests.ordered(Order.RESTORE)
