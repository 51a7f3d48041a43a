# SPDX-License-Identifier: Apache-2.0
"""A host of the lab with its sysfs, and nova-compute's `libvirt` on it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack_lab.hosts import hardware
from ibstack_lab.nova.hypervisor import libvirt
from ibstack_lab.topology import Host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UUID = "b38a3f43-4be2-4046-897f-b67c2f5e0147"
OTHER = "0f7ad2c1-0000-4000-8000-000000000002"


def hostdev(function: int) -> str:
    """Return the device that nova attaches for VF *function* - 1."""
    return (
        '<hostdev mode="subsystem" type="pci" managed="yes"><source>'
        f'<address domain="0x0000" bus="0x05" slot="0x00" function="0x{function:x}"/>'
        "</source></hostdev>"
    )


def domain(uuid: str, *functions: int) -> str:
    devices = "".join(hostdev(function) for function in functions)
    return (
        f"<domain type='qemu'><uuid>{uuid}</uuid><name>instance-{uuid[:4]}</name>"
        "<memory>65536</memory><vcpu>1</vcpu>"
        f"<devices><disk type='file'><target dev='vda'/></disk>{devices}</devices></domain>"
    )


@dataclass
class Hypervisor:
    """A connection as nova has it, with what its callbacks were told."""

    folder: Path
    connection: Any = None
    told: list[tuple[Any, ...]] = field(default_factory=list)

    def connect(self) -> None:
        """Connect as nova-compute does when it starts: it knows nothing of before."""
        self.connection = libvirt.openAuth("qemu:///system", None, 0)
        ids = (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED)
        for event in ids:
            self.connection.domainEventRegisterAny(None, event, self._told, event)

    def _told(self, _connection: object, of: Any, *rest: Any) -> None:
        *details, event = rest
        self.told.append((event, of.UUIDString(), *details))

    def events(self, count: int) -> list[tuple[Any, ...]]:
        """Return the next *count* events; the queue may still hold those of other connections."""
        deadline = time.monotonic() + 10
        while len(self.told) < count:
            assert time.monotonic() < deadline, f"{self.told} and no more"
            libvirt.virEventRunDefaultImpl()
        found, self.told = self.told[:count], self.told[count:]
        return found

    @property
    def drivers(self) -> dict[str, str]:
        """The VFs on which a guest's driver runs, and whose."""
        return {
            each.name: each.read_text().strip()
            for each in sorted((self.folder / "guests").iterdir())
        }

    def guest_of(self, function: int) -> Path:
        """Return the file that is there as long as anything of a VF's guest is."""
        path = self.folder / "guests-up" / f"0000:05:00.{function}"
        path.parent.mkdir(exist_ok=True)
        return path


@pytest.fixture
def hypervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hypervisor]:
    folder = tmp_path / "hosts" / "node002"
    hardware.build(
        Host("node002", Guid(0x0002C90300000030), AdapterKind.MLX4, vfs=4), folder / "sys"
    )
    monkeypatch.setenv("IBSTACK_LAB_HOST_FOLDER", str(folder))
    before = threading.active_count()  # Those of tests before may be ending.
    found = Hypervisor(folder)
    found.connect()
    yield found
    assert threading.active_count() <= before
