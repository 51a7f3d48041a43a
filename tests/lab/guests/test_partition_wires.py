# SPDX-License-Identifier: Apache-2.0
"""Which wire belongs on which bridge, and by which commands it gets there."""

from __future__ import annotations

import pytest

from ibstack.fabric.errors import BadValue
from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack_lab.guests.partition_wires import StandsFor, Wire, changes, wire_name
from ibstack_lab.hosts.vports import GuestPort

VF = StandsFor("node002", PciAddress.parse("0000:05:00.1"))
CHILD = StandsFor("node001", PciAddress.parse("0000:05:00.0"), PartitionKey(1))
FULL, LIMITED = (TableEntry(PartitionKey(1), full_member=full) for full in (True, False))
DEFAULT = TableEntry(PartitionKey(0x7FFF), full_member=False)


def port(*table: TableEntry | None, active: bool = True) -> GuestPort:
    return GuestPort(None, active, table)


@pytest.mark.parametrize("leads_to", [VF, CHILD], ids=str)
def test_an_alias_says_what_a_wire_stands_for(leads_to: StandsFor) -> None:
    assert StandsFor.parse(str(leads_to)) == leads_to


@pytest.mark.parametrize("alias", ["", "node002", "a b c d", "node002 nonsense"])
def test_any_other_alias_is_refused(alias: str) -> None:
    with pytest.raises(BadValue):
        StandsFor.parse(alias)


@pytest.mark.parametrize(
    ("observed", "entry"),
    [
        (None, None),
        (port(), None),
        (port(FULL, active=False), None),
        (port(FULL), FULL),
        (port(LIMITED), LIMITED),
        (port(DEFAULT), DEFAULT),
        (port(FULL, DEFAULT), FULL),
        (port(None, FULL), None),
    ],
)
def test_a_guests_ib0_uses_what_is_observed_at_index_0(
    observed: GuestPort | None, entry: TableEntry | None
) -> None:
    assert VF.entry(observed) == entry


@pytest.mark.parametrize(
    ("observed", "entry"),
    [
        (port(DEFAULT), None),
        (port(DEFAULT, LIMITED), LIMITED),
        (port(DEFAULT, LIMITED, FULL), FULL),
        (port(DEFAULT, FULL, active=False), None),
    ],
)
def test_a_child_interface_uses_its_key_wherever_it_is(
    observed: GuestPort, entry: TableEntry | None
) -> None:
    assert CHILD.entry(observed) == entry


def test_a_wire_goes_on_the_bridge_of_its_partition_which_is_made_where_it_is_missing() -> None:
    off = {"ib1": Wire(VF, None, isolated=False)}

    first, *_, up = changes(off, frozenset(), {"ib1": LIMITED})
    assert first.startswith("link add name pk0001 type bridge")
    assert up == "link set ib1 up"
    assert list(changes(off, frozenset({"pk0001"}), {"ib1": LIMITED})) == [
        "link set ib1 master pk0001",
        "link set ib1 type bridge_slave isolated on",
        "link set ib1 up",
    ]


def test_a_wire_without_an_entry_is_taken_off_and_has_no_carrier() -> None:
    on = {"ib1": Wire(VF, "pk0001", isolated=False)}

    assert list(changes(on, frozenset({"pk0001"}), {"ib1": None})) == ["link set ib1 nomaster down"]


def test_a_wire_whose_entry_changes_is_taken_off_first() -> None:
    on = {"ib1": Wire(VF, "pk0001", isolated=False)}

    for entry in (LIMITED, TableEntry(PartitionKey(2), full_member=True)):
        first, *_ = changes(on, frozenset({"pk0001", "pk0002"}), {"ib1": entry})
        assert first == "link set ib1 nomaster down"


def test_nothing_is_done_where_all_is_right() -> None:
    right = {"ib1": Wire(VF, "pk0001", isolated=True), "ib2": Wire(VF, None, isolated=False)}

    assert not list(changes(right, frozenset({"pk0001"}), {"ib1": LIMITED, "ib2": None}))


def test_the_name_of_a_wire_fits_an_interface() -> None:
    assert wire_name("6636531a-08ae-4c6f-9e1d-000000000000") == "ib6636531a-08ae"
