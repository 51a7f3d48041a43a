# SPDX-License-Identifier: Apache-2.0
"""Counting the places of P_Key tables, and what agents and fabricds report of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import unfold
from ibstack.neutron.protocol.agent_report import ReportedAdapter, TableRooms, adapters, table_rooms
from ibstack.neutron.server.binding import Request
from ibstack.neutron.server.table_places import HostPort, shared_tables, why_full

FABRIC = "ibhostnet"
FIRST = ReportedAdapter(FABRIC, True, Guid(0x31), unfold("0000:05:00.1-0000:05:00.7"), entries=3)
SECOND = ReportedAdapter(FABRIC, True, Guid(0x41), unfold("0000:06:00.1-0000:06:00.7"), entries=3)
MLX5 = replace(FIRST, shares_table=False)
REQUEST = Request("fa:16:3e:00:00:01", "0000:05:00.1", "node003", "vlan", FABRIC, 9)


def vf(key: int, slot: str = "0000:05:00.2") -> HostPort:
    return HostPort(False, json.dumps({"pci_slot": slot}) if slot else "", key)


def own(key: int) -> HostPort:
    return HostPort(True, "", key)


@pytest.mark.parametrize(
    ("adapters", "is_own", "slot", "tables"),
    [
        ([FIRST, SECOND], False, "0000:05:00.1", [FIRST]),
        ([FIRST, SECOND], False, None, [FIRST, SECOND]),
        ([FIRST, SECOND], True, None, [FIRST, SECOND]),
        ([MLX5], False, "0000:05:00.1", []),
        ([MLX5], True, None, [MLX5]),
        ([FIRST], False, "nonsense", []),
        ([replace(FIRST, physical_network="ibother")], True, None, []),
    ],
)
def test_whose_tables_a_port_needs(
    adapters: list[ReportedAdapter], is_own: bool, slot: str | None, tables: list[ReportedAdapter]
) -> None:
    assert shared_tables(replace(REQUEST, pci_slot=slot), adapters, is_own=is_own) == tables


def test_a_flat_network_needs_none() -> None:
    assert shared_tables(replace(REQUEST, network_type="flat"), [FIRST], is_own=True) == []


@pytest.mark.parametrize(
    ("adapter", "ports", "is_full"),
    [
        (FIRST, [vf(1)], False),
        (FIRST, [vf(1), vf(2)], True),
        (FIRST, [vf(1), vf(2), vf(9)], False),
        (FIRST, [vf(1), vf(1), vf(1)], False),
        (FIRST, [vf(1), vf(2, "0000:06:00.2")], False),
        (FIRST, [vf(1), vf(2, "")], True),
        (FIRST, [vf(1), vf(2, "nonsense")], False),
        (FIRST, [vf(1), HostPort(False, "[", 2)], False),
        (FIRST, [own(1), vf(2)], True),
        (MLX5, [own(1), vf(2)], False),
        (MLX5, [own(1), own(2)], True),
        (replace(FIRST, entries=None), [vf(n) for n in range(200)], False),
    ],
)
def test_when_a_table_is_full(
    adapter: ReportedAdapter, ports: list[HostPort], is_full: bool
) -> None:
    why = why_full(REQUEST, [adapter], ports, TableRooms())

    assert (why is not None) is is_full
    if why is not None:
        assert "port 0x0000000000000031 of host node003 is full: it has room for 2 networks" in why


def test_the_smaller_of_both_reports_counts() -> None:
    rooms = TableRooms(most=60, smaller={Guid(0x31): 1})

    assert why_full(REQUEST, [FIRST], [vf(1)], rooms) is not None
    assert why_full(REQUEST, [SECOND], [vf(1, "0000:06:00.1")], rooms) is None


@pytest.mark.parametrize("told", [None, 0, -1, "64", True, 1.5, [], {}])
def test_a_size_that_is_none_is_not_known(told: object) -> None:
    row = {"physical_network": FABRIC, "kind": "mlx4", "port_guid": None, "entries": told}

    (adapter,) = adapters({"adapters": [row]})

    assert adapter.entries in (None, 1)


def walked(network: str = FABRIC, **more: object) -> str:
    return json.dumps({"physical_networks": [network], **more})


def test_rooms_of_several_fabricds_are_the_widest_walk_and_the_smallest_port() -> None:
    texts = [
        walked(table_room=60, small_tables=["0x0000000000000031 5"]),
        walked(table_room=124, small_tables=["0x0000000000000031 7", "0x0000000000000041 60"]),
        walked("ibother", table_room=1),
        "[",
        "{}",
        walked(table_room=-3, small_tables="no"),
        walked(small_tables=["x y z", "a b"]),
    ]

    rooms = table_rooms(texts, FABRIC)

    assert rooms == TableRooms(124, {Guid(0x31): 5, Guid(0x41): 60})
    assert rooms.of(Guid(0x99)) == rooms.of(None) == 124
