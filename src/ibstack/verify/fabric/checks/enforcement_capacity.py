# SPDX-License-Identifier: Apache-2.0
"""The keys of each port fit the table by which its switch enforces partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.mad.datagrams import ENTRIES_OF_A_BLOCK
from ibstack.verify.check import Rule, Seen
from ibstack.verify.site import not_one_by_one, on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.fabric.look import FabricLook

_SOURCE: Final = "SwitchInfo, P_KeyTable of the port behind it"


def _judge(fabric: FabricLook) -> Iterator[Seen]:
    behind = fabric.behind()
    for switch_port in fabric.switch_ports:
        port = behind.get((switch_port.switch, switch_port.number))
        if port is None or port.table is None:
            continue  # Another switch, or what another check tells of.
        # Of a key that is held full and limited OpenSM writes the full entry alone.
        keys = {entry.partition for entry in port.held}
        found = f"{len(keys)} keys, room for {switch_port.capacity}"
        yield Seen(
            port.host, _fits(len(keys), switch_port.capacity), found, _SOURCE, str(switch_port)
        )


def _fits(keys: int, capacity: int) -> bool:
    """Tell whether OpenSM leaves the check on.

    It reckons in blocks, and switches the check off where the last one would be full, even where
    the keys just fit (seen on OpenSM 3.3.23, tests/real/test_enforcement_lost.py).
    """
    blocks = -(-capacity // ENTRIES_OF_A_BLOCK)
    return keys <= capacity and keys < blocks * ENTRIES_OF_A_BLOCK


def _look(fabric: FabricLook) -> Iterator[Seen]:
    return not_one_by_one(_judge(fabric), _SOURCE, "ports of switches")


# opensm/osm_pkey_mgr.c switches enforcement off there; its line, ERR 0507, need not be in the log.
RULE: Final = Rule(
    "enforcement-capacity",
    "the keys of the port fit its switch's table",
    "no more keys than SwitchInfo.PartitionEnforcementCap, its last block of 32 not full",
    "give the host fewer networks: OpenSM switches enforcement off at a port whose keys do not fit,"
    " or just fit, without a line in its log",
    on_fabric(_look),
    rank=4,
)
