# SPDX-License-Identifier: Apache-2.0
"""What one host does with its domains: start, pause, stop, and who holds which VF.

A change is written down first and done after that; whoever is killed in between finds it half done,
and ends it when he connects again (MachineRoom.finish()).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from . import domain_xml
from .constants import (
    VIR_DOMAIN_PAUSED,
    VIR_DOMAIN_RUNNING,
    VIR_DOMAIN_SHUTOFF,
    VIR_ERR_DEVICE_MISSING,
    VIR_ERR_NO_DOMAIN,
    VIR_ERR_OPERATION_INVALID,
)
from .domain_files import DomainFiles, DomainRecord
from .errors import libvirtError
from .passed_through import PassedThrough

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from xml.etree.ElementTree import Element


class MachineRoom:
    """The domains of one host, and its VFs."""

    def __init__(self, host_folder: Path) -> None:
        """*host_folder*: hosts/<host> of the lab; its name is the host's."""
        self.folder = host_folder
        self.name = host_folder.name
        self._files = DomainFiles(host_folder)
        self._vfs = PassedThrough(host_folder)

    def finish(self) -> None:
        """Do what a killed process has written down and not done."""
        with self._files.alone():
            running = self._holders(VIR_DOMAIN_RUNNING)
            self._vfs.make_true(running, self._holders(VIR_DOMAIN_PAUSED))

    def all(self) -> list[DomainRecord]:
        return self._files.all()

    def get(self, uuid: str) -> DomainRecord:
        """Return domain *uuid*; libvirtError (VIR_ERR_NO_DOMAIN) where it is not defined."""
        record = self._files.read(uuid)
        if record is None:
            raise libvirtError(
                f"Domain not found: no domain with matching uuid '{uuid}'", VIR_ERR_NO_DOMAIN
            )
        return record

    def define(self, uuid: str, config: str) -> None:
        """Give domain *uuid* its configuration; what runs goes on as it was started."""
        with self._files.alone():
            record = self._files.read(uuid) or DomainRecord(uuid, config)
            self._files.write(replace(record, config=config))

    def undefine(self, uuid: str) -> None:
        with self._files.alone():
            if self.get(uuid).live is not None:
                raise _invalid(f"cannot undefine domain {uuid}: the lab has no transient domains")
            self._files.remove(uuid)

    def start(self, uuid: str, *, is_paused: bool) -> None:
        with self._files.alone():
            record = self.get(uuid)
            if record.live is not None:
                raise _invalid("Requested operation is not valid: domain is already running")
            live = domain_xml.with_aliases(record.saved or record.config)
            addresses = _addresses(live)
            self._require_free(addresses)
            # Whoever had one of them may have been killed while he gave it up.
            self._vfs.take_back(addresses)
            state = VIR_DOMAIN_PAUSED if is_paused else VIR_DOMAIN_RUNNING
            number = self._files.next_number()
            self._files.write(replace(record, live=live, saved=None, state=state, number=number))
            if not is_paused:
                self._vfs.give(uuid, addresses)

    def resume(self, uuid: str) -> None:
        with self._files.alone():
            record = self._running(uuid)
            self._files.write(replace(record, state=VIR_DOMAIN_RUNNING))
            self._vfs.give(uuid, _addresses(record.live))

    def pause(self, uuid: str) -> None:
        """Its guest's drivers do no more, and its VFs stay as they are."""
        with self._files.alone():
            self._files.write(replace(self._running(uuid), state=VIR_DOMAIN_PAUSED))

    def stop(self, uuid: str, *, is_saved: bool = False) -> None:
        """Return when nothing of its guest is left.  *is_saved*: it goes on as what runs now."""
        with self._files.alone():
            record = self._running(uuid)
            saved = record.live if is_saved else None
            stopped = DomainRecord(uuid, record.config, saved=saved, state=VIR_DOMAIN_SHUTOFF)
            self._files.write(stopped)
        self._vfs.take_back(_addresses(record.live))

    def forget_saved(self, uuid: str) -> None:
        with self._files.alone():
            self._files.write(replace(self.get(uuid), saved=None))

    # Devices.

    def attach(self, uuid: str, device: str, *, live: bool, config: bool) -> None:
        address = domain_xml.pci_address(domain_xml.parse(device))
        addresses = (address,) if address else ()
        with self._files.alone():
            record = self.get(uuid)
            if config:
                changed = domain_xml.with_device(record.config, device, is_live=False)
                record = replace(record, config=changed)
            if live:
                self._require_free(addresses)
                record = replace(
                    record,
                    live=domain_xml.with_device(_live(record), device, is_live=True),
                )
            self._files.write(record)
            if live and record.state == VIR_DOMAIN_RUNNING:
                self._vfs.take_back(addresses)
                self._vfs.give(uuid, addresses)

    def detach(self, uuid: str, device: str, *, live: bool, config: bool) -> str | None:
        """Return the alias of what has gone from the domain that runs; None where *live* is not."""
        with self._files.alone():
            record = self.get(uuid)
            if config:
                record = replace(record, config=_without(record.config, device)[0])
            removed = None
            if live:
                text, removed = _without(_live(record), device)
                record = replace(record, live=text)
            self._files.write(record)
        if removed is None:
            return None
        address = domain_xml.pci_address(removed)
        self._vfs.take_back((address,) if address else ())
        return domain_xml.alias(removed)

    # Migration.

    def receive(self, uuid: str, config: str) -> Callable[[], None]:
        """Have a domain here, paused, and return what lets it run: the source stops first."""
        self.define(uuid, config)
        self.start(uuid, is_paused=True)
        return lambda: self.resume(uuid)

    # What it has.

    def _running(self, uuid: str) -> DomainRecord:
        record = self.get(uuid)
        _live(record)
        return record

    def _require_free(self, addresses: Iterable[str]) -> None:
        """As libvirt: what one domain holds is given to no other one, while it is paused too."""
        holders = self._holders(VIR_DOMAIN_RUNNING, VIR_DOMAIN_PAUSED)
        for pci in addresses:
            if pci in holders:
                raise _invalid(
                    f"Requested operation is not valid: PCI device {pci} is in use by driver QEMU,"
                    f" domain {holders[pci]}"
                )

    def _holders(self, *states: int) -> dict[str, str]:
        """Return domains in one of *states* by the VF that each holds."""
        return {
            pci: record.uuid
            for record in self._files.all()
            if record.state in states
            for pci in _addresses(record.live)
        }


def _live(record: DomainRecord) -> str:
    if record.live is None:
        raise _invalid("Requested operation is not valid: domain is not running")
    return record.live


def _without(text: str, device: str) -> tuple[str, Element]:
    changed, removed = domain_xml.without_device(text, device)
    if removed is None:
        raise libvirtError("device not found: no matching device", VIR_ERR_DEVICE_MISSING)
    return changed, removed


def _addresses(text: str | None) -> tuple[str, ...]:
    return domain_xml.pci_addresses(domain_xml.parse(text)) if text else ()


def _invalid(message: str) -> libvirtError:
    return libvirtError(message, VIR_ERR_OPERATION_INVALID)
