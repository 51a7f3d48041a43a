# SPDX-License-Identifier: Apache-2.0
"""There is room in each port's table for further partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.site import not_one_by_one, on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.fabric.look import FabricLook

_SOURCE: Final = "P_KeyTable of each port, NodeInfo"
_SHARE_LEFT: Final = 16
"""One in so many entries, and one at least: a person has to have time to act."""


def _judge(fabric: FabricLook) -> Iterator[Seen]:
    for port in fabric.adapters:
        if port.table:
            free = port.table.count(None)
            found = f"{free} of {len(port.table)} entries are free"
            holds = free >= max(len(port.table) // _SHARE_LEFT, 1)
            yield Seen(port.host, holds, found, _SOURCE, str(port))


def _look(fabric: FabricLook) -> Iterator[Seen]:
    return not_one_by_one(_judge(fabric), _SOURCE, "ports")


# Seen on OpenSM 3.3.23: what does not fit is dropped, and ERR 0512 in its log is all it says.
RULE: Final = Rule(
    "table-capacity",
    "the port's table has room for further partitions",
    "one entry in 16 free",
    "move instances of other networks to other hosts: OpenSM drops a key that does not fit (ERR"
    " 0512 in its log)",
    on_fabric(_look),
    rank=4,
)
