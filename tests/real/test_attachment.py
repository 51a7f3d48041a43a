# SPDX-License-Identifier: Apache-2.0
"""The lines to ibsim that one process has: some for hours, some for a moment."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.netfile import SWITCH
from ibstack_lab.fabric.watch import Watch

if TYPE_CHECKING:
    from ibstack_lab.fabric.simulated import Fabric

MANY: Final = 200


def test_a_line_that_stays_does_not_get_in_the_way_of_others(wires: Fabric) -> None:
    with closing(Watch(wires)) as watch:
        for _ in range(MANY):
            Attachment(wires, SWITCH).close()

        assert watch.read(["node002"])["node002"].table is not None
