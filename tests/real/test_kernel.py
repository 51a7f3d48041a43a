# SPDX-License-Identifier: Apache-2.0
"""The lab's silicon on real OpenSM: what the hosts' drivers would show, and do."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.guid import Guid
from ibstack_lab.hosts import hardware, vports
from ibstack_lab.hosts.hardware import DELETED_GUID, Hardware, guest_marker
from ibstack_lab.process import Process, tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ibstack.mad import FabricReader
    from ibstack_lab.fabric.simulated import Fabric

GUID = Guid(0xFA163E0000AABBCC)
OTHER = Guid(0xFA163E0000AABBDD)


class Lab:
    """A fabric, the hosts' hardware, and the silicon between them."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.root = fabric.folder.parent
        self.hosts: dict[str, Hardware] = {
            host.name: hardware.build(host, self.root / "hosts" / host.name / "sys")
            for host in fabric.topology.adapter_hosts
        }
        self.process = Process(
            "silicon",
            [sys.executable, "-m", "ibstack_lab.hosts.kernel", "--lab", str(self.root)],
            self.root / "log" / "silicon.log",
            self.root / "run" / "silicon.pid",
        )

    def publish(self, *lines: str) -> None:
        """Give every OpenSM these lines after its hardened default, and make it read them."""
        for host in self.fabric.topology.subnet_manager_hosts:
            path = self.fabric.partitions_conf(host.name)
            hardened = path.read_text().splitlines()[0]
            fresh = path.with_suffix(".fresh")
            fresh.write_text("\n".join([hardened, *lines]) + "\n")
            fresh.rename(path)
            self.fabric.subnet_manager(host.name).signal(1)

    def start_guest(self, host: str, vf: int) -> None:
        marker = self._marker(host, vf)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()

    def stop_guest(self, host: str, vf: int) -> None:
        self._marker(host, vf).unlink()

    def guest_port(self, host: str, vf: int) -> vports.GuestPort | None:
        pci = self.fabric.topology.host(host).vf_pci(vf)
        return vports.read(vports.port_file(self.root / "hosts" / host, pci))

    def _marker(self, host: str, vf: int) -> Path:
        pci = self.fabric.topology.host(host).vf_pci(vf)
        return guest_marker(self.root / "hosts" / host, pci)

    def wait(self, what: Callable[[], bool], *, timeout_s: float = 10) -> None:
        deadline = time.monotonic() + timeout_s
        while not what():
            assert self.process.running(), tail(self.process.log, 15)
            assert time.monotonic() < deadline, tail(self.process.log, 15)
            time.sleep(0.01)


@pytest.fixture
def lab(fabric: Fabric) -> Iterator[Lab]:
    made = Lab(fabric)
    made.process.start()
    try:
        yield made
    finally:
        made.process.stop()


def member(guid: Guid, key: str) -> str:
    return f"n{key}={key},ipoib,defmember=full: {guid};"


def entries(folder: Path) -> list[str]:
    texts = [hardware.read(folder / str(index)) for index in range(hardware.TABLE_LENGTH)]
    return [text for text in texts if text != "0x0000"]


@pytest.mark.parametrize("host", ["node002", "node003"])
def test_the_table_that_opensm_wrote_is_what_the_host_sees(lab: Lab, host: str) -> None:
    port = lab.hosts[host].port_folder
    lab.wait(lambda: entries(port / "pkeys") == ["0x7fff"])
    assert hardware.read(port / "state") == "4: ACTIVE"
    guid = lab.fabric.topology.host(host).port_guid

    lab.publish(member(guid, "0x0001"), member(guid, "0x0002"))
    lab.wait(lambda: entries(port / "pkeys") == ["0x7fff", "0x8001", "0x8002"])

    lab.publish(member(guid, "0x0002"))
    lab.wait(lambda: entries(port / "pkeys") == ["0x7fff", "0x8002"])


def test_mlx4_shows_its_physical_table_too(lab: Lab) -> None:
    guid = lab.fabric.topology.host("node002").port_guid
    lab.publish(member(guid, "0x0001"))
    folder = lab.hosts["node002"].iov_port_folder / "pkeys"
    lab.wait(lambda: entries(folder) == ["0x7fff", "0x8001"])


def test_a_pulled_cable_is_a_port_that_is_down(lab: Lab) -> None:
    state = lab.hosts["node002"].port_folder / "state"
    lab.wait(lambda: hardware.read(state) == "4: ACTIVE")
    lab.fabric.unlink("node002")
    lab.wait(lambda: hardware.read(state) == "1: DOWN")
    lab.fabric.link("node002")
    lab.wait(lambda: hardware.read(state) == "4: ACTIVE")


def alias(lab: Lab, vf: int) -> str:
    return hardware.read(lab.hosts["node002"].iov_port_folder / f"gids/{vf + 1}")


def ask_for(lab: Lab, vf: int, guid: int) -> None:
    hardware.show(lab.hosts["node002"].iov_port_folder / f"admin_guids/{vf + 1}", f"{guid:x}")


UNSET = "fe80:0000:0000:0000:0000:0000:0000:0000"


def test_an_mlx4_vf_has_its_guid_only_while_its_guest_runs(lab: Lab) -> None:
    ask_for(lab, 0, GUID.value)
    lab.wait(lambda: entries(lab.hosts["node002"].port_folder / "pkeys") == ["0x7fff"])
    assert alias(lab, 0) == UNSET

    lab.start_guest("node002", 0)
    lab.wait(lambda: alias(lab, 0) == f"fe80:0000:0000:0000:{GUID.as_groups()}")
    lab.wait(lambda: lab.guest_port("node002", 0) is not None)

    lab.stop_guest("node002", 0)
    lab.wait(lambda: alias(lab, 0) == UNSET)
    lab.wait(lambda: lab.guest_port("node002", 0) is None)


def test_a_guid_that_is_taken_is_declined_until_it_is_free(lab: Lab) -> None:
    ask_for(lab, 0, GUID.value)
    lab.start_guest("node002", 0)
    lab.wait(lambda: alias(lab, 0) != UNSET)

    ask_for(lab, 1, GUID.value)
    lab.start_guest("node002", 1)
    lab.wait(lambda: "declined by SM" in lab.process.log.read_text())
    assert alias(lab, 1) == UNSET

    ask_for(lab, 0, DELETED_GUID)
    lab.wait(lambda: alias(lab, 0) == UNSET)
    lab.wait(lambda: alias(lab, 1) != UNSET)


def test_a_new_master_is_told_of_the_alias_guids(lab: Lab) -> None:
    ask_for(lab, 0, GUID.value)
    lab.start_guest("node002", 0)
    lab.wait(lambda: alias(lab, 0) != UNSET)
    lab.fabric.kill_subnet_manager("head")
    lab.wait(lambda: "its alias GUID is gone" in lab.process.log.read_text())
    lab.wait(lambda: alias(lab, 0) != UNSET)


def test_an_mlx4_guest_sees_the_entry_that_its_index_0_is_mapped_to(lab: Lab) -> None:
    guid = lab.fabric.topology.host("node002").port_guid
    lab.publish(member(guid, "0x0001"))
    ask_for(lab, 0, GUID.value)
    lab.start_guest("node002", 0)
    folder = lab.hosts["node002"].slave_folder(0) / "ports/1/pkey_idx"
    # As the driver starts it: virtual 0 is physical 0.
    lab.wait(lambda: _index_0(lab, "node002") == "0x7fff")
    hardware.show(folder / "0", "1")
    lab.wait(lambda: _index_0(lab, "node002") == "0x8001")
    hardware.show(folder / "0", "none")
    lab.wait(lambda: _index_0(lab, "node002") is None)


def _index_0(lab: Lab, host: str) -> str | None:
    port = lab.guest_port(host, 0)
    return str(port.table[0]) if port and port.table else None


def set_vport(lab: Lab, vf: int, guid: int, policy: str) -> None:
    folder = lab.hosts["node003"].sriov_folder(vf)
    for name in ("node", "port"):
        hardware.show(folder / name, guid.to_bytes(8, "big").hex(":"))
    hardware.show(folder / "policy", policy)


def test_an_mlx5_vf_is_a_port_of_its_own_while_its_guest_runs(
    lab: Lab, reader_at: Callable[[str], FabricReader]
) -> None:
    reader = reader_at("head")
    set_vport(lab, 3, GUID.value, "Follow")
    lab.publish(member(GUID, "0x0001"))
    assert GUID not in reader.discover().ports

    lab.start_guest("node003", 3)
    lab.wait(lambda: _table(lab, 3) == ["0x7fff", "0x8001"])
    assert lab.guest_port("node003", 3).guid == GUID  # type: ignore[union-attr]
    assert GUID in reader.discover().ports

    lab.stop_guest("node003", 3)
    lab.wait(lambda: GUID not in reader.discover().ports)


def test_an_mlx5_vf_whose_policy_is_down_is_not_on_the_fabric(lab: Lab) -> None:
    set_vport(lab, 0, GUID.value, "Follow")
    lab.start_guest("node003", 0)
    lab.wait(lambda: _table(lab, 0) == ["0x7fff"])
    set_vport(lab, 0, GUID.value, "Down")
    lab.wait(lambda: not lab.fabric.linked("node003-vf00"))
    lab.wait(lambda: _table(lab, 0) == [])


def test_an_mlx5_vf_with_another_guid_is_another_port_with_a_fresh_table(
    lab: Lab, reader_at: Callable[[str], FabricReader]
) -> None:
    lab.publish(member(GUID, "0x0001"), member(OTHER, "0x0002"))
    set_vport(lab, 0, GUID.value, "Follow")
    lab.start_guest("node003", 0)
    lab.wait(lambda: _table(lab, 0) == ["0x7fff", "0x8001"])

    set_vport(lab, 0, OTHER.value, "Follow")
    lab.wait(lambda: _table(lab, 0) == ["0x7fff", "0x8002"])
    ports = reader_at("head").discover().ports
    assert OTHER in ports
    assert GUID not in ports


def _table(lab: Lab, vf: int) -> list[str]:
    port = lab.guest_port("node003", vf)
    return [str(entry) for entry in port.table if entry] if port and port.active else []


def test_it_starts_where_it_left_off(lab: Lab) -> None:
    set_vport(lab, 0, GUID.value, "Follow")
    lab.start_guest("node003", 0)
    lab.wait(lambda: _table(lab, 0) == ["0x7fff"])
    lab.process.signal(9)
    lab.process.stop()
    lab.process.start()
    lab.wait(lambda: _table(lab, 0) == ["0x7fff"])
    assert lab.fabric.linked_guid("node003-vf00") == GUID
    lab.process.stop()
    assert "Traceback" not in lab.process.log.read_text()
