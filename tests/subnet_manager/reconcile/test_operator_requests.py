# SPDX-License-Identifier: Apache-2.0
"""Orders of a person, kept until they are done."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from ibstack.fabric.errors import Refused, TryLater
from ibstack.subnet_manager.reconcile.operator_requests import OperatorRequests, Order

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY: Final = 65534


def test_an_order_stands_until_it_is_done_for_whoever_runs_next(tmp_path: Path) -> None:
    requests = OperatorRequests(tmp_path / "state")
    assert not requests.ordered(Order.RESTORE)
    requests.give(Order.RESTORE)

    assert OperatorRequests(tmp_path / "state").ordered(Order.RESTORE)
    assert not requests.ordered(Order.REPAIR)

    for _ in range(2):
        requests.done(Order.RESTORE)
    assert not requests.ordered(Order.RESTORE)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that anybody may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root orders for another user")
def test_what_root_orders_is_the_users_whose_folder_it_is(open_folder: Path) -> None:
    state = open_folder / "state"
    state.mkdir()
    os.chown(state, NOBODY, NOBODY)

    OperatorRequests(state).give(Order.RESTORE)

    left = [state / "orders", state / "orders" / "restore"]
    assert [(one.stat().st_uid, one.stat().st_gid) for one in left] == [(NOBODY, NOBODY)] * 2
    assert os.geteuid() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root orders for another user")
def test_a_link_of_that_user_leads_root_nowhere(open_folder: Path) -> None:
    state, ours = open_folder / "state", open_folder / "ours"
    state.mkdir()
    ours.mkdir()
    os.chown(state, NOBODY, NOBODY)
    (state / "orders").symlink_to(ours)

    with pytest.raises(Refused, match=r"cannot order restore in .*: Permission denied; run this"):
        OperatorRequests(state).give(Order.RESTORE)

    assert list(ours.iterdir()) == []


def test_orders_that_cannot_be_seen_are_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "orders").write_text("no folder")

    with pytest.raises(TryLater, match=r"cannot see what is ordered in .*: Not a directory; make"):
        OperatorRequests(tmp_path).ordered(Order.REPAIR)


def test_an_order_that_cannot_be_taken_away_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "orders" / "repair").mkdir(parents=True)

    with pytest.raises(TryLater, match=r"cannot take away the order .*, which is done: .*; remove"):
        OperatorRequests(tmp_path).done(Order.REPAIR)
