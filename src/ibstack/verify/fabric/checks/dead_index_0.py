# SPDX-License-Identifier: Apache-2.0
"""Index 0 of each table holds a key: that is where ib0 and an untouched VF look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.site import not_one_by_one, on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.fabric.look import FabricLook

_SOURCE: Final = "P_KeyTable of each port"


def _judge(fabric: FabricLook) -> Iterator[Seen]:
    for port in fabric.adapters:
        if port.active and port.table:
            found = str(port.table[0]) if port.table[0] else "0x0000 at index 0"
            yield Seen(port.host, port.table[0] is not None, found, _SOURCE, str(port))


def _look(fabric: FabricLook) -> Iterator[Seen]:
    return not_one_by_one(_judge(fabric), _SOURCE, "ports")


# Seen on OpenSM 3.3.23: slot 0 is kept for 0xffff unless the Default line has indx0.
RULE: Final = Rule(
    "dead-index-0",
    "index 0 of the port's table holds a key",
    "a key at index 0",
    "write `indx0` on the Default line of partitions.conf, as ibstack-fabricd does",
    on_fabric(_look),
)
