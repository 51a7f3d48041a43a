# SPDX-License-Identifier: Apache-2.0
"""The lab's fabric itself: it survives what tests do to it, and leaves nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.guid import Guid
from ibstack.mad import FabricReader
from ibstack_lab import topology
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.netfile import wiring
from ibstack_lab.fabric.simulated import Fabric, FabricFailed
from ibstack_lab.topology import ARTICLE, Host, Topology

if TYPE_CHECKING:
    from collections.abc import Callable

GUID = Guid(0xFA163E0000AABBCC)


def wait(what: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def sweeps(fabric: Fabric, host: str) -> int:
    return fabric.opensm_log(host).read_text().count("SUBNET UP")


def wait_for_sweep(fabric: Fabric, host: str, before: int) -> None:
    wait(lambda: sweeps(fabric, host) > before)


def wait_for_master(reader: FabricReader, guid: Guid) -> None:
    wait(lambda: master(reader) == guid)


def test_a_subnet_manager_reloads_right_after_the_other_has_started(fabric: Fabric) -> None:
    for _ in range(3):
        before = sweeps(fabric, "head")
        fabric.subnet_manager("head").signal(1)
        wait_for_sweep(fabric, "head", before)
        fabric.kill_subnet_manager("node001")
        fabric.subnet_manager("node001").start()


def master(reader: FabricReader) -> Guid | None:
    return getattr(reader.subnet_manager(), "guid", None)


def test_a_killed_master_that_comes_back_is_standby_and_takes_over_in_its_turn(
    fabric: Fabric, reader_at: Callable[[str], FabricReader]
) -> None:
    reader = reader_at("node002")
    names = ["head", "node001"]
    guids = [fabric.topology.host(name).port_guid for name in names]
    for turn in range(3):
        name, other = names[turn % 2], names[1 - turn % 2]
        wait_for_master(reader, guids[turn % 2])
        fabric.kill_subnet_manager(name)
        wait_for_master(reader, guids[1 - turn % 2])
        fabric.start_subnet_manager(name)
        assert master(reader) == guids[1 - turn % 2]
        before = sweeps(fabric, other)
        fabric.subnet_manager(other).signal(1)
        wait_for_sweep(fabric, other, before)


def test_a_master_that_is_back_before_the_standby_noticed_is_master_again(
    fabric: Fabric, reader_at: Callable[[str], FabricReader]
) -> None:
    reader = reader_at("node002")
    for _ in range(3):
        before = sweeps(fabric, "head")
        fabric.kill_subnet_manager("head")
        fabric.subnet_manager("head").start()
        wait_for_sweep(fabric, "head", before)
        assert master(reader) == fabric.topology.host("head").port_guid


def test_the_fabric_is_hardened_before_the_first_publish(fabric: Fabric) -> None:
    text = fabric.partitions_conf("head").read_text()
    assert text.startswith("Default=0x7fff,indx0: ALL=limited,")
    assert "ALL=full" not in text


def test_what_was_published_is_not_overwritten_by_a_restart(fabric: Fabric) -> None:
    path = fabric.partitions_conf("head")
    path.write_text(path.read_text() + "n0x0001=0x0001: 0x0002c90300000031=full;\n")
    before = path.read_text()
    fabric.kill_subnet_manager("head")
    fabric.start_subnet_manager("head")
    assert path.read_text() == before


def test_a_vf_is_plugged_in_and_pulled_by_another_process(
    fabric: Fabric, reader_at: Callable[[str], FabricReader]
) -> None:
    again = Fabric.of_running_lab(fabric.folder.parent)
    again.set_guid("node003-vf00", GUID)
    again.link("node003-vf00")
    reader = reader_at("head")
    wait(lambda: GUID in reader.discover().ports)
    assert fabric.linked_guid("node003-vf00") == GUID
    again.unlink("node003-vf00")
    wait(lambda: GUID not in reader.discover().ports)
    assert not fabric.linked("node003-vf00")


@pytest.mark.parametrize(
    ("do", "why"),
    [
        (lambda fabric: fabric.link("head"), "already connected"),
        (lambda fabric: fabric.unlink("node003-vf00"), "not linked"),
    ],
)
def test_what_the_simulator_refuses_is_said(
    wires: Fabric, do: Callable[[Fabric], None], why: str
) -> None:
    with pytest.raises(FabricFailed, match=why):
        do(wires)


def test_clients_that_were_killed_make_room(wires: Fabric, tmp_path: Path) -> None:
    for _ in range(12):
        client = Attachment(wires, "head")
        client._control.close()  # As if killed: it does not say goodbye.
        client._data.close()
        wires.reap()


def test_verbs_without_a_simulator_say_so(tmp_path: Path) -> None:
    fabric = Fabric.of_lab(tmp_path, ARTICLE)
    with pytest.raises(FabricFailed, match="ibsim does not run"):
        fabric.link("head")
    with pytest.raises(FabricFailed, match="start the lab"):
        Fabric.of_running_lab(tmp_path)


def test_nothing_is_left(fabric: Fabric) -> None:
    pids = [fabric.simulator.pid()]
    pids += [fabric.subnet_manager(h.name).pid() for h in fabric.topology.subnet_manager_hosts]
    assert all(pids)
    fabric.stop()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert f"@{fabric.name}:" not in Path("/proc/net/unix").read_text()
    assert not list(fabric.folder.glob("*/clients/*"))
    fabric.stop()


def test_a_large_fabric_has_leaf_switches(tmp_path: Path) -> None:
    hosts = tuple(Host(f"h{n:03d}", Guid(0x0002C90300000000 + 0x10 * (n + 1))) for n in range(300))
    fabric = Fabric.of_lab(tmp_path, Topology(hosts))
    try:
        fabric.start()
        attachment = Attachment(fabric, "sw1")
        found = FabricReader(attachment).discover()
        attachment.close()
        assert found.problems == ()
        assert found.ports.keys() >= {host.port_guid for host in hosts}
        routes = wiring(Topology(hosts))
        for host in hosts:
            assert found.ports[host.port_guid].route == routes.route_from_switch(host.name)
    finally:
        fabric.stop()


def test_a_topology_is_read_as_it_was_written() -> None:
    assert topology.load(topology.dump(ARTICLE)) == ARTICLE
