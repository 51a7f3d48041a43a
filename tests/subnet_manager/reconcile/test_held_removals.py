# SPDX-License-Identifier: Apache-2.0
"""What a mass removal holds is on disk, or it is said why that cannot be read or written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import Refused, TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey
from ibstack.subnet_manager.policy.mass_removal import NOTHING_HELD, Held
from ibstack.subnet_manager.reconcile.held_removals import HeldRemovals

if TYPE_CHECKING:
    from pathlib import Path

HELD = Held(frozenset({(PartitionKey(1), Guid(0x31)), (PartitionKey(2), Guid(0x31))}), 9, 12)


def test_what_is_held_is_known_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert HeldRemovals(folder).load() == NOTHING_HELD

    HeldRemovals(folder).store(HELD)

    assert HeldRemovals(folder).load() == HELD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "\xff",
        '{"going": 1, "of": 2}',
        '{"going": null, "of": 2, "held": []}',
        '{"going": Infinity, "of": 2, "held": []}',
        '{"going": 1, "of": 2, "held": [1]}',
        '{"going": 1, "of": 2, "held": [[1, 2]]}',
        '{"going": 1, "of": 2, "held": [["0x0001"]]}',
        '{"going": 1, "of": 2, "held": [["0x0001", "node001"]]}',
        '{"going": 1, "of": 2, "held": 7}',
    ],
)
def test_a_broken_file_is_refused_with_two_ways_out_and_one_is_an_order(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "held-removals.json").write_text(text, "latin-1")
    removals = HeldRemovals(tmp_path)

    with pytest.raises(Refused, match=r"is broken .*; remove it, .*, or run .* allow-removals"):
        removals.load()

    removals.store(NOTHING_HELD)  # As where removals are allowed.
    assert HeldRemovals(tmp_path).load() == NOTHING_HELD


def test_a_file_that_cannot_be_read_or_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "held-removals.json").mkdir()
    removals = HeldRemovals(tmp_path)

    with pytest.raises(
        TryLater,
        match=r"cannot read .*json: Is a directory; run this as root, or",
    ):
        removals.load()
    for _ in range(2):
        with pytest.raises(TryLater, match=r"cannot write .*; let the user .*, it is tried again"):
            removals.store(HELD)
