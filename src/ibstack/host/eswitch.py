# SPDX-License-Identifier: Apache-2.0
"""The verbs of ibstack-eswitchd, and what it mends by itself.

Locks are taken in this order: one interface's, then the attachments' or the sequence's.  A VF is
touched, and its attachment changed, only under the lock of the interface it was attached through.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadInput, IbstackError, Refused, TryLater
from ibstack.fabric.guid import Guid
from ibstack.host.adapters import cannot_serve
from ibstack.host.attachment_state import (
    Judged,
    is_as,
    is_half_done,
    smi_problem,
    verdict,
    with_entries,
)
from ibstack.host.attachments import Attachment, Configured
from ibstack.host.observed import (
    AttachmentState,
    ObservedAdapter,
    ObservedAttachment,
    ObservedHost,
)
from ibstack.host.request_counts import RequestCounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.fabric.partition import TableEntry
    from ibstack.fabric.pci import PciAddress
    from ibstack.formats.eswitchd_conf import Mapping
    from ibstack.host.adapters import Adapter, Adapters
    from ibstack.host.attachments import Attachments
    from ibstack.host.observed import ObservedVf

LOG = logging.getLogger(__name__)


class Eswitch:
    """The adapters of this host and the attachments to their VFs.  Safe to use from threads."""

    def __init__(
        self,
        adapters: Adapters,
        attachments: Attachments,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._adapters = adapters
        self._attachments = attachments
        self._clock = clock
        self._locks: dict[str, threading.RLock] = {}
        self._locks_lock = threading.Lock()
        self._changed = threading.Condition()
        # At random, so that a watcher of the daemon before a restart finds a difference.
        self._sequence = int.from_bytes(os.urandom(4), "big")
        self._versions: dict[PciAddress, int] = {}
        self._host_version = 0
        self._stopping = False
        self._troubles: dict[PciAddress, str] = {}
        self._unreached: set[PciAddress] = set()
        self.counts = RequestCounts()

    # The verbs.

    def read(self) -> ObservedHost:
        """Return everything as it is now."""
        with self._changed:
            sequence = self._sequence
        found, problems = self._adapters.all()
        shown: list[ObservedAdapter] = []
        for mapping, adapter in found:
            try:
                with self._lock(mapping.interface):
                    shown.append(adapter.read(mapping.physical_network))
            except IbstackError as error:
                problems[mapping] = cannot_serve(mapping, error)
        vfs = {vf.pci: vf for adapter in shown for vf in adapter.vfs}
        records = {record.pci: record for record in self._attachments.all()}
        smi = (smi_problem(each, vfs.get(each.pci)) for each in records.values())
        return ObservedHost(
            sequence=sequence,
            adapters=tuple(with_entries(adapter, records) for adapter in shown),
            attachments=tuple(self._show(each, vfs.get(each.pci)) for each in records.values()),
            problems=(*problems.values(), *self._attachments.problems, *filter(None, smi)),
        )

    def attach(
        self, physical_network: str, mac: str, pci: PciAddress, wait_s: float
    ) -> ObservedAttachment:
        """Give the VF at *pci* to *mac*, with its GUID and no partition; wait for `configure`."""
        guid = Guid.from_mac(mac)
        mac = guid.as_mac() or mac
        adapter, number = self._find(physical_network, pci)
        for former in (self._attachments.of(physical_network, mac), self._attachments.at(pci)):
            if former is not None and former.leaving:
                self._release(former)
        wanted = Attachment(physical_network, mac, pci, adapter.function.interface)
        with self._lock(wanted.interface):
            record, is_new = self._attachments.claim(wanted)
            if is_new or is_half_done(adapter.read_vf(pci, number), record):
                self._prepare(record, adapter, number)
        if is_new:
            LOG.info("attached VF %s to %s on %s", pci, mac, physical_network)
            self._bump(pci)
        return self._wait_programmed(record, wait_s)

    def adopt(self, physical_network: str, mac: str, pci: PciAddress, entry: TableEntry) -> bool:
        """Put on record a VF that others gave to *mac*; return whether it was not there yet.

        Nothing is written to the adapter.  Refused unless the VF shows the GUID of *mac*, a link
        that may come up, and on mlx4 exactly *entry*.
        """
        guid = Guid.from_mac(mac)
        adapter, number = self._find(physical_network, pci)
        as_it_is = Configured(entry, link_up=True)
        wanted = Attachment(
            physical_network, guid.as_mac() or mac, pci, adapter.function.interface, as_it_is
        )
        with self._lock(wanted.interface):
            vf = adapter.read_vf(pci, number)
            known = self._attachments.at(pci) is not None
            if not known and (vf.guid != guid or not is_as(vf, as_it_is)):
                raise Refused(f"VF {pci} does not hold the GUID of {mac} and entry {entry}")
            _, is_new = self._attachments.claim(wanted)
        if is_new:
            LOG.info("took over VF %s of %s on %s as it is", pci, mac, physical_network)
            self._bump(pci)
        return is_new

    def detach(self, physical_network: str, mac: str) -> bool:
        """Clear the VF of *mac*, then forget the attachment; return whether there was one."""
        mac = Guid.from_mac(mac).as_mac() or mac
        record = self._attachments.of(physical_network, mac)
        if record is None:
            self._known(physical_network)
            return False
        with self._lock(record.interface):
            # Looked up again: it may have been detached before the lock was ours.
            held = self._attachments.at(record.pci)
            if held is not None and held.mac == mac:
                self._release(self._attachments.leave(held))
        LOG.info("detached VF %s from %s on %s", record.pci, mac, physical_network)
        self._bump(record.pci)
        return True

    def configure(
        self, pci: PciAddress, mac: str, entry: TableEntry | None, *, link_up: bool
    ) -> int:
        """Give an attached VF its table entry and link; return the number of writes."""
        mac = Guid.from_mac(mac).as_mac() or mac
        wanted = Configured(entry, link_up)
        with self._lock(self._held(pci, mac).interface):
            # Looked up again: it may have been detached before the lock was ours.
            record = self._held(pci, mac)
            adapter, number = self._open(record)
            changed = 0
            if adapter.read_vf(pci, number).guid != record.guid:
                changed += self._prepare(record, adapter, number)
            try:
                changed += adapter.program(pci, number, entry, link_up=link_up)
            except IbstackError as error:
                self._trouble(pci, str(error))
                raise
            self._troubles.pop(pci, None)
            is_new = record.configured != wanted
            if is_new:
                self._attachments.save(replace(record, configured=wanted))
        if changed or is_new:
            shown = "no partition" if entry is None or not link_up else f"entry {entry}"
            LOG.info("configured VF %s of %s: %s, %s writes", pci, mac, shown, changed)
            self._bump(pci)
        return changed

    def watch(self, sequence: int, wait_s: float) -> int:
        """Return the sequence as soon as it differs from *sequence*, or when the wait is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._sequence != sequence, wait_s)
            return self._sequence

    # What it does by itself.

    def mend(self) -> None:
        """Finish what a killed daemon or a restarted driver left half done.

        Only VFs that are attached, or were, by us: another VF is never touched.
        """
        for record in self._attachments.all():
            try:
                with self._lock(record.interface):
                    self._mend(record.pci)
            except IbstackError as error:
                self._unreached.add(record.pci)
                self._trouble(record.pci, str(error))

    def fingerprint(self) -> object:
        """Return what differs when the host changed in a way that no verb of ours does."""
        found, problems = self._adapters.all()
        seen: list[object] = [*problems.values()]
        for mapping, adapter in found:
            try:
                with self._lock(mapping.interface):
                    seen.append((mapping, adapter.port(), adapter.table(), tuple(adapter.vfs())))
            except IbstackError as error:
                seen.append(str(error))
        return seen

    def has_pending(self) -> bool:
        """Return whether an attachment waits for something."""
        states = (self._judge(record)[0] for record in self._attachments.all())
        return any(state is AttachmentState.PENDING for state in states)

    def nudge(self) -> None:
        """Wake every watcher: something on this host changed."""
        self._bump()

    def stop(self) -> None:
        """Wake everybody who waits, for good."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    # Finding.

    def _known(self, physical_network: str) -> None:
        if physical_network not in self._adapters.physical_networks:
            known = ", ".join(sorted(self._adapters.physical_networks)) or "none"
            raise BadInput(
                f"physical network {physical_network!r} is not mapped on this host; mapped are: "
                f"{known}; see physical_interface_mappings in the configuration of ibstack-eswitchd"
            )

    def _find(self, physical_network: str, pci: PciAddress) -> tuple[Adapter, int]:
        self._known(physical_network)
        found, problems = self._adapters.all()
        for mapping, adapter in found:
            number = adapter.vfs().get(pci)
            if mapping.physical_network == physical_network and number is not None:
                return adapter, number
        ours = [text for mapping, text in problems.items() if _serves(mapping, physical_network)]
        if ours:
            raise TryLater("; ".join([f"VF {pci} was not found", *ours]))
        raise BadInput(
            f"PCI address {pci} is no VF of an adapter of physical network {physical_network}; "
            "see: ibstack host show"
        )

    def _open(self, record: Attachment) -> tuple[Adapter, int]:
        """Return the adapter of an attached VF, and the VF's number."""
        try:
            adapter = self._adapters.open(record.interface)
        except IbstackError as error:
            why = str(error)
        else:
            number = adapter.vfs().get(record.pci)
            if number is not None:
                return adapter, number
            why = f"{adapter.function.device} has no such VF now"
        for _mapping, other in self._adapters.all()[0]:
            number = other.vfs().get(record.pci)
            if number is not None:
                return other, number  # Its interface has another name now.
        raise TryLater(f"VF {record.pci} cannot be reached now: {why}")

    def _held(self, pci: PciAddress, mac: str) -> Attachment:
        record = self._attachments.at(pci)
        if record is None or record.leaving:
            raise Refused(f"VF {pci} is not attached to anything")
        if record.mac != mac:
            raise Refused(f"VF {pci} is attached to {record.mac}, not to {mac}")
        return record

    # Doing, under the adapter's lock.

    def _lock(self, interface: str) -> threading.RLock:
        with self._locks_lock:
            return self._locks.setdefault(interface, threading.RLock())

    def _prepare(self, record: Attachment, adapter: Adapter, number: int) -> int:
        changed = adapter.clear(record.pci, number)
        return changed + adapter.set_guid(record.pci, number, record.guid)

    def _release(self, record: Attachment) -> None:
        """Clear the VF of an attachment that is leaving, then forget it."""
        with self._lock(record.interface):
            held = self._attachments.at(record.pci)
            if held is None or not held.leaving:
                return  # Another thread has finished it.
            if self._adapters.exists(record.pci):
                adapter, number = self._open(record)
                adapter.clear(record.pci, number)
            self._attachments.forget(record.pci)
            self._troubles.pop(record.pci, None)

    def _mend(self, pci: PciAddress) -> None:
        record = self._attachments.at(pci)
        if record is None:
            return
        if record.leaving:
            self._release(record)
            self._bump(pci)
            return
        adapter, number = self._open(record)
        if is_half_done(adapter.read_vf(pci, number), record):
            self._prepare(record, adapter, number)
            LOG.warning(
                "VF %s was not as attached to %s; cleared it, set its GUID", pci, record.mac
            )
            self._bump()
        if pci in self._unreached:
            self._unreached.discard(pci)
            self._troubles.pop(pci, None)

    # Telling.

    def _judge(self, record: Attachment) -> Judged:
        try:
            with self._lock(record.interface):
                adapter, number = self._open(record)
                vf = adapter.read_vf(record.pci, number)
        except IbstackError as error:
            return AttachmentState.PENDING, str(error)
        return verdict(record, vf, self._troubles.get(record.pci))

    def _show(self, record: Attachment, vf: ObservedVf | None) -> ObservedAttachment:
        state, why = verdict(record, vf, self._troubles.get(record.pci))
        return ObservedAttachment(record.physical_network, record.mac, record.pci, state, why)

    def _trouble(self, pci: PciAddress, what: str) -> None:
        if self._troubles.get(pci) != what:
            LOG.warning("VF %s: %s", pci, what)
            self._troubles[pci] = what

    def _bump(self, pci: PciAddress | None = None) -> None:
        """Wake the watchers, and who waits for the VF at *pci*; None: for any."""
        with self._changed:
            self._sequence += 1
            if pci is None:
                self._host_version += 1
            else:
                self._versions[pci] = self._versions.get(pci, 0) + 1
            self._changed.notify_all()

    def _version(self, pci: PciAddress) -> tuple[int, int]:
        return self._host_version, self._versions.get(pci, 0)

    def _wait(self, pci: PciAddress, seen: tuple[int, int], wait_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._version(pci) != seen, wait_s)

    def _wait_programmed(self, record: Attachment, wait_s: float) -> ObservedAttachment:
        deadline = self._clock() + wait_s
        while True:
            with self._changed:
                seen = self._version(record.pci)
            now = self._attachments.at(record.pci)
            if now is None or now.leaving or now.mac != record.mac:
                raise Refused(f"VF {record.pci} was detached from {record.mac} meanwhile")
            state, why = self._judge(now)
            left = deadline - self._clock()
            if state is AttachmentState.PROGRAMMED or left <= 0 or self._stopping:
                return ObservedAttachment(now.physical_network, now.mac, now.pci, state, why)
            self._wait(record.pci, seen, left)


def _serves(mapping: Mapping, physical_network: str) -> bool:
    return mapping.physical_network == physical_network
