# SPDX-License-Identifier: Apache-2.0
"""Real bridges and pings: what the observed tables say decides who reaches whom."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack_lab.folder import LabFolder
from ibstack_lab.guests.namespaces import Namespaces, inside, ip
from ibstack_lab.guests.partition_wires import StandsFor, add_wire, wire_name
from ibstack_lab.hosts import vports
from ibstack_lab.hosts.vports import GuestPort

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.real

ONE, TWO, THREE = "10.9.0.1", "10.9.0.2", "10.9.0.3"
VF: Final = PciAddress.parse("0000:05:00.1")
FULL, LIMITED = (TableEntry(PartitionKey(1), full_member=full) for full in (True, False))
OTHER: Final = TableEntry(PartitionKey(2), full_member=True)
REACTION_S: Final = 3.0


class Machines:
    """Three interfaces in three namespaces, each of a host of its own."""

    def __init__(self, lab: LabFolder) -> None:
        self._lab = lab
        self._namespaces = Namespaces(lab.root)
        self._namespaces.make(self._namespaces.wires)
        argv = (
            sys.executable,
            "-m",
            "ibstack_lab.guests.partition_bridges",
            "--lab",
            str(lab.root),
        )
        self.process = lab.process("wires", inside(self._namespaces.wires, argv))
        for address in (ONE, TWO, THREE):
            name = self._namespaces.name(address)
            (lab.host(address)).mkdir(parents=True)
            self._namespaces.make(name)
            wire = wire_name(address.replace(".", ""))
            add_wire(self._namespaces.wires, wire, StandsFor(address, VF), (name, "ib0"))
            ip("-n", name, "address", "add", f"{address}/24", "dev", "ib0", doing="test")
            ip("-n", name, "link", "set", "ib0", "up", doing="test")

    def observe(self, address: str, *table: TableEntry) -> None:
        port = GuestPort(None, active=True, table=table)
        vports.write(vports.port_file(self._lab.host(address), VF), port)

    def reaches(self, source: str, target: str) -> bool:
        """Whether one of several pings is answered: a link that has just come up loses some."""
        ping = ("ping", "-q", "-c1", "-i0.2", "-w2", target)
        argv = inside(self._namespaces.name(source), ping)
        return not subprocess.run(argv, capture_output=True, check=False).returncode

    def carrier(self, address: str) -> bool:
        name = self._namespaces.name(address)
        return "LOWER_UP" in ip("-n", name, "link", "show", "dev", "ib0", doing="test")

    def close(self) -> None:
        self.process.stop()
        self._namespaces.remove_all()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces")
    made = Machines(LabFolder(tmp_path))
    try:
        made.process.start()
        yield made
    finally:
        made.close()


def wait_for_carrier(machines: Machines, address: str, wanted: bool) -> None:
    deadline = time.monotonic() + REACTION_S
    while machines.carrier(address) is not wanted:
        assert time.monotonic() < deadline, f"carrier of {address} is not {wanted}"
        time.sleep(0.01)


def test_who_has_no_entry_has_no_carrier_and_members_reach_each_other(machines: Machines) -> None:
    assert not machines.carrier(ONE)
    for address in (ONE, TWO):
        machines.observe(address, FULL)
    machines.observe(THREE, OTHER)
    for address in (ONE, TWO, THREE):
        wait_for_carrier(machines, address, True)

    assert machines.reaches(ONE, TWO)
    assert not machines.reaches(ONE, THREE)
    assert not machines.reaches(THREE, TWO)


def test_limited_members_reach_full_ones_and_not_each_other(machines: Machines) -> None:
    machines.observe(ONE, FULL)
    for address in (TWO, THREE):
        machines.observe(address, LIMITED)
        wait_for_carrier(machines, address, True)
    wait_for_carrier(machines, ONE, True)

    assert machines.reaches(ONE, TWO)
    assert machines.reaches(THREE, ONE)
    assert not machines.reaches(TWO, THREE)


def test_a_key_that_goes_from_the_table_takes_the_interface_off_and_back(
    machines: Machines,
) -> None:
    for address in (ONE, TWO):
        machines.observe(address, FULL)
        wait_for_carrier(machines, address, True)
    assert machines.reaches(ONE, TWO)

    machines.observe(TWO)
    wait_for_carrier(machines, TWO, False)
    assert not machines.reaches(ONE, TWO)

    machines.observe(TWO, FULL)
    wait_for_carrier(machines, TWO, True)
    assert machines.reaches(ONE, TWO)
