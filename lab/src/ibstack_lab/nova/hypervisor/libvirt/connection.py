# SPDX-License-Identifier: Apache-2.0
"""virConnect: the calls that nova makes on a host."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import capabilities, domain_xml
from .constants import (
    VIR_CONNECT_LIST_DOMAINS_ACTIVE,
    VIR_CONNECT_LIST_DOMAINS_INACTIVE,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV,
    VIR_CPU_COMPARE_IDENTICAL,
    VIR_DOMAIN_EVENT_DEFINED,
    VIR_DOMAIN_EVENT_ID_LIFECYCLE,
    VIR_ERR_NO_NODE_DEVICE,
    VIR_ERR_NO_SECRET,
    VIR_ERR_NO_SUPPORT,
)
from .domain import virDomain
from .errors import libvirtError
from .events import Callbacks
from .machine_room import MachineRoom
from .node_devices import node_devices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .node_devices import virNodeDevice

FOLDER: Final = "IBSTACK_LAB_HOST_FOLDER"
"""Names hosts/<host> of the lab: the host that qemu:///system is."""
_LIBVIRT_VERSION: Final = 10_000_000
_QEMU_VERSION: Final = 8_002_002
"""The least that nova 34 takes without a warning: 8.2.2 as a number."""
_DEVICE_KINDS: Final = {
    "pci": VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV,
    "net": VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET,
}


class virConnect:
    """A connection to the hypervisor of one host."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self.room = MachineRoom(Path(os.environ[FOLDER]))
        self.callbacks = Callbacks()
        self.room.finish()

    # Domains.

    def defineXML(self, xml: str) -> virDomain:
        given = domain_xml.parse(xml).findtext("uuid") or str(uuid.uuid4())
        self.room.define(given, xml)
        domain = virDomain(self, given)
        self.callbacks.queue(
            VIR_DOMAIN_EVENT_ID_LIFECYCLE, self, domain, VIR_DOMAIN_EVENT_DEFINED, 0
        )
        return domain

    def lookupByUUIDString(self, given: str) -> virDomain:
        return virDomain(self, self.room.get(given).uuid)

    def listAllDomains(self, flags: int = 0) -> list[virDomain]:
        """Return the domains; without flags all of them."""
        both = VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE
        wanted = flags & both or both
        return [
            virDomain(self, record.uuid)
            for record in self.room.all()
            if wanted
            & (
                VIR_CONNECT_LIST_DOMAINS_INACTIVE
                if record.live is None
                else VIR_CONNECT_LIST_DOMAINS_ACTIVE
            )
        ]

    # Events.

    def domainEventRegisterAny(
        self, _domain: virDomain | None, event: int, callback: Callable[..., object], opaque: Any
    ) -> int:
        self.callbacks.register(event, callback, opaque)
        return event

    def registerCloseCallback(self, _callback: object, _opaque: object) -> int:
        """A folder does not close."""
        return 0

    def close(self) -> int:
        return 0

    # The host.

    def getType(self) -> str:
        return "QEMU"

    def getURI(self) -> str:
        return self._uri

    def getLibVersion(self) -> int:
        return _LIBVIRT_VERSION

    def getVersion(self) -> int:
        return _QEMU_VERSION

    def getHostname(self) -> str:
        return self.room.name

    def getInfo(self) -> list[str | int]:
        """Return architecture, MiB, processors, MHz, NUMA nodes, sockets, cores, threads."""
        cpus = capabilities.CPUS
        host = (capabilities.ARCHITECTURE, capabilities.MEMORY_MIB, cpus, capabilities.MHZ)
        return [*host, 1, 1, cpus, 1]

    def getCPUMap(self, _flags: int = 0) -> tuple[int, list[bool], int]:
        return capabilities.CPUS, [True] * capabilities.CPUS, capabilities.CPUS

    def getCPUStats(self, _cpu: int, _flags: int = 0) -> dict[str, int]:
        """Return nanoseconds: of a host that has nothing to do."""
        return {"kernel": 10**9, "idle": 10**12, "user": 10**9, "iowait": 10**6}

    def getCPUModelNames(self, _architecture: str, _flags: int = 0) -> list[str]:
        return ["qemu64"]

    def getCapabilities(self) -> str:
        return capabilities.host(self.room.name)

    def getDomainCapabilities(
        self, _emulator: str, architecture: str, _machine: str, kind: str, _flags: int = 0
    ) -> str:
        return capabilities.domains(architecture, kind)

    def baselineCPU(self, models: Sequence[str], _flags: int = 0) -> str:
        """All hosts of the lab have the same processors."""
        return models[0]

    def compareCPU(self, _xml: str, _flags: int = 0) -> int:
        return VIR_CPU_COMPARE_IDENTICAL

    def compareHypervisorCPU(self, *_arguments: object) -> int:
        return VIR_CPU_COMPARE_IDENTICAL

    # Devices.

    def listDevices(self, _capability: str, _flags: int = 0) -> list[str]:
        """Return the names of mediated devices, which is what nova asks for: there are none."""
        return []

    def listAllDevices(self, flags: int = 0) -> list[virNodeDevice]:
        return [
            device
            for device in node_devices(self.room.folder / "sys")
            if any(flags & _DEVICE_KINDS[kind] for kind in device.listCaps())
        ]

    def nodeDeviceLookupByName(self, name: str) -> virNodeDevice:
        for device in node_devices(self.room.folder / "sys"):
            if device.name() == name:
                return device
        raise libvirtError(
            f"Node device not found: no node device with matching name '{name}'",
            VIR_ERR_NO_NODE_DEVICE,
        )

    def secretLookupByUsage(self, _kind: int, usage: str) -> None:
        raise libvirtError(f"Secret not found: no secret of {usage}", VIR_ERR_NO_SECRET)

    def secretDefineXML(self, _xml: str) -> None:
        raise libvirtError("the lab's hosts keep no secrets", VIR_ERR_NO_SUPPORT)


def openAuth(uri: str, _credentials: object, _flags: int = 0) -> virConnect:
    return virConnect(uri)


def open(uri: str) -> virConnect:
    return virConnect(uri)


openReadOnly = open


def getVersion() -> int:
    return _LIBVIRT_VERSION
