# SPDX-License-Identifier: Apache-2.0
"""virDomain: the calls that nova makes on one domain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import domain_xml
from .constants import (
    VIR_DOMAIN_AFFECT_CONFIG,
    VIR_DOMAIN_AFFECT_LIVE,
    VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
    VIR_DOMAIN_EVENT_ID_LIFECYCLE,
    VIR_DOMAIN_EVENT_RESUMED,
    VIR_DOMAIN_EVENT_STARTED,
    VIR_DOMAIN_EVENT_STOPPED,
    VIR_DOMAIN_EVENT_STOPPED_DESTROYED,
    VIR_DOMAIN_EVENT_STOPPED_MIGRATED,
    VIR_DOMAIN_EVENT_STOPPED_SAVED,
    VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN,
    VIR_DOMAIN_EVENT_SUSPENDED,
    VIR_DOMAIN_EVENT_SUSPENDED_PAUSED,
    VIR_DOMAIN_EVENT_UNDEFINED,
    VIR_DOMAIN_JOB_COMPLETED,
    VIR_DOMAIN_JOB_NONE,
    VIR_DOMAIN_START_PAUSED,
    VIR_DOMAIN_XML_INACTIVE,
    VIR_ERR_AGENT_UNRESPONSIVE,
    VIR_ERR_CONFIG_UNSUPPORTED,
    VIR_MIGRATE_UNDEFINE_SOURCE,
)
from .errors import libvirtError
from .machine_room import MachineRoom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .connection import virConnect

_JOB_FIELDS: Final = 12
_RAN_FOR_NS: Final = 1_000_000_000


class virDomain:
    """One domain of the host that a connection is to."""

    def __init__(self, connection: virConnect, uuid: str) -> None:
        self._connection = connection
        self._room = connection.room
        self._uuid = uuid
        self._job = VIR_DOMAIN_JOB_NONE

    # What it is.

    def UUIDString(self) -> str:
        return self._uuid

    def name(self) -> str:
        return domain_xml.parse(self._room.get(self._uuid).config).findtext("name") or ""

    def ID(self) -> int:
        """Return a number while it runs, -1 while it does not."""
        return self._room.get(self._uuid).number

    def isActive(self) -> int:
        return int(self._room.get(self._uuid).live is not None)

    def isPersistent(self) -> int:
        return 1

    def XMLDesc(self, flags: int = 0) -> str:
        record = self._room.get(self._uuid)
        if flags & VIR_DOMAIN_XML_INACTIVE or record.live is None:
            return record.config
        return record.live

    def info(self) -> list[int]:
        """Return state, most memory and memory in KiB, processors, ns of processor time."""
        record = self._room.get(self._uuid)
        root = domain_xml.parse(record.config)
        memory = int(root.findtext("memory") or 0)
        return [record.state, memory, memory, int(root.findtext("vcpu") or 1), _RAN_FOR_NS]

    def vcpus(self) -> tuple[list[tuple[int, int, int, int]], list[tuple[bool, ...]]]:
        return [(0, 1, _RAN_FOR_NS, 0)], [(True,)]

    # Its life.

    def createWithFlags(self, flags: int = 0) -> int:
        is_paused = bool(flags & VIR_DOMAIN_START_PAUSED)
        self._room.start(self._uuid, is_paused=is_paused)
        self._queue(VIR_DOMAIN_EVENT_STARTED)
        if is_paused:
            self._queue(VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED)
        return 0

    def create(self) -> int:
        return self.createWithFlags()

    def resume(self) -> int:
        self._room.resume(self._uuid)
        self._queue(VIR_DOMAIN_EVENT_RESUMED)
        return 0

    def suspend(self) -> int:
        self._room.pause(self._uuid)
        self._queue(VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED)
        return 0

    def shutdown(self) -> int:
        """Press its power button: the lab's guest obeys at once."""
        self._room.stop(self._uuid)
        self._queue(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)
        return 0

    def destroy(self) -> int:
        self._room.stop(self._uuid)
        self._queue(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_DESTROYED)
        return 0

    def managedSave(self, _flags: int = 0) -> int:
        self._room.stop(self._uuid, is_saved=True)
        self._queue(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_SAVED)
        return 0

    def hasManagedSaveImage(self, _flags: int = 0) -> int:
        return int(self._room.get(self._uuid).saved is not None)

    def managedSaveRemove(self, _flags: int = 0) -> int:
        self._room.forget_saved(self._uuid)
        return 0

    def undefineFlags(self, _flags: int = 0) -> int:
        self._room.undefine(self._uuid)
        self._queue(VIR_DOMAIN_EVENT_UNDEFINED)
        return 0

    def undefine(self) -> int:
        return self.undefineFlags()

    # Its devices.

    def attachDeviceFlags(self, xml: str, flags: int = 0) -> int:
        self._room.attach(self._uuid, xml, **self._affected(flags))
        return 0

    def detachDeviceFlags(self, xml: str, flags: int = 0) -> int:
        alias = self._room.detach(self._uuid, xml, **self._affected(flags))
        if alias is not None:
            self._connection.callbacks.queue(
                VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, self._connection, self, alias
            )
        return 0

    def _affected(self, flags: int) -> dict[str, bool]:
        """Read what is to change; VIR_DOMAIN_AFFECT_CURRENT is the domain as it is now."""
        if not flags & (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG):
            flags = VIR_DOMAIN_AFFECT_LIVE if self.isActive() else VIR_DOMAIN_AFFECT_CONFIG
        return {
            "live": bool(flags & VIR_DOMAIN_AFFECT_LIVE),
            "config": bool(flags & VIR_DOMAIN_AFFECT_CONFIG),
        }

    # Migration.

    def migrateToURI3(self, uri: str, parameters: Mapping[str, Any], flags: int = 0) -> int:
        """Move it to the host that *uri* names: qemu+tcp://node003/system."""
        found = re.search(r"://(?:[^@/]*@)?([^/:]+)", uri)
        folder = self._room.folder.with_name(found.group(1)) if found else Path()
        if not (folder / "domains").is_dir():
            raise libvirtError(f"unable to connect to server at '{uri}'")
        let_run = MachineRoom(folder).receive(
            self._uuid, parameters.get("destination_xml") or self.XMLDesc()
        )
        self._room.stop(self._uuid)
        let_run()
        self._job = VIR_DOMAIN_JOB_COMPLETED
        if flags & VIR_MIGRATE_UNDEFINE_SOURCE:
            self._room.undefine(self._uuid)
        self._queue(VIR_DOMAIN_EVENT_STOPPED, VIR_DOMAIN_EVENT_STOPPED_MIGRATED)
        return 0

    def jobStats(self, _flags: int = 0) -> dict[str, int]:
        """It has no memory to copy: a migration is never seen under way."""
        return {"type": self._job}

    def jobInfo(self) -> list[int]:
        return [self._job] + [0] * (_JOB_FIELDS - 1)

    def abortJob(self) -> int:
        return 0

    def migrateSetMaxDowntime(self, _milliseconds: int, _flags: int = 0) -> int:
        return 0

    # What the lab's guests have no part in.

    def setMetadata(self, *_arguments: object, **_named: object) -> int:
        return 0

    def setTime(self, *_arguments: object, **_named: object) -> int:
        raise libvirtError("QEMU guest agent is not connected", VIR_ERR_AGENT_UNRESPONSIVE)

    def blockStats(self, _device: str) -> list[int]:
        return [0, 0, 0, 0, -1]

    def interfaceStats(self, _device: str) -> list[int]:
        return [0] * 8

    def memoryStats(self) -> dict[str, int]:
        return {}

    def blockJobInfo(self, _disk: str, _flags: int = 0) -> dict[str, int]:
        return {}

    def snapshotCreateXML(self, _xml: str, _flags: int = 0) -> None:
        """nova then makes its snapshot of a domain that is stopped."""
        raise libvirtError("live snapshots are not supported", VIR_ERR_CONFIG_UNSUPPORTED)

    def _queue(self, event: int, detail: int = 0) -> None:
        self._connection.callbacks.queue(
            VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._connection, self, event, detail
        )
