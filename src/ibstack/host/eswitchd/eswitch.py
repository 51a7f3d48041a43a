# SPDX-License-Identifier: Apache-2.0
"""The verbs of ibstack-eswitchd, and what it mends by itself.

Locks are taken in this order: one interface's, then the attachments' or the sequence's.  A VF is
touched, and its attachment changed, only under the lock of the interface it was attached through.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError, Refused
from ibstack.fabric.guid import Guid
from ibstack.host.adapters.mapped_adapters import cannot_serve
from ibstack.host.client.observed import (
    AttachmentState,
    ObservedAdapter,
    ObservedAttachment,
    ObservedHost,
)
from ibstack.host.eswitchd.attached_vfs import AttachedVfs
from ibstack.host.eswitchd.attachment_state import (
    FREED_AFTER_S,
    JudgedState,
    is_as,
    is_half_done,
    judge_attachment,
    left_problem,
    refuse_reserved,
    smi_problem,
    with_entries,
)
from ibstack.host.eswitchd.attachments import Attachment, Configured
from ibstack.host.eswitchd.request_counts import RequestCounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.fabric.partition import TableEntry
    from ibstack.fabric.pci import PciAddress
    from ibstack.host.adapters.mapped_adapters import Adapters
    from ibstack.host.client.observed import ObservedVf
    from ibstack.host.eswitchd.attachments import Attachments

LOG = logging.getLogger(__name__)


class Eswitch(AttachedVfs):
    """The adapters of this host and the attachments to their VFs.  Safe to use from threads."""

    def __init__(
        self,
        adapters: Adapters,
        attachments: Attachments,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(adapters, attachments, clock=clock)
        self.counts = RequestCounts()

    # The verbs.

    def read(self) -> ObservedHost:
        """Return everything as it is now."""
        sequence = self._news.sequence
        # Before the VFs: what is on record then has been cleared before its VF is looked at.
        records = {record.pci: record for record in self._attachments.all()}
        found, problems = self._adapters.all()
        shown: list[ObservedAdapter] = []
        for mapping, adapter in found:
            try:
                with self._lock(mapping.interface):
                    shown.append(adapter.read(mapping.physical_network))
            except IbstackError as error:
                problems[mapping] = cannot_serve(mapping, error)
        vfs = {vf.pci: vf for adapter in shown for vf in adapter.vfs}
        guests = {pci: self._adapters.guest_driver(pci) for pci in records}
        of_records = (
            *(smi_problem(each, vfs.get(each.pci)) for each in records.values()),
            *(left_problem(each, guests.get(each.pci)) for each in records.values()),
        )
        return ObservedHost(
            sequence=sequence,
            adapters=tuple(with_entries(adapter, records) for adapter in shown),
            attachments=tuple(
                self._show(each, vfs.get(each.pci), guests.get(each.pci))
                for each in records.values()
            ),
            problems=(*problems.values(), *self._attachments.problems, *filter(None, of_records)),
            held_up=self._held_up.all(),
        )

    def attach(
        self, physical_network: str, mac: str, pci: PciAddress, wait_s: float
    ) -> ObservedAttachment:
        """Give the VF at *pci* to *mac*, with its GUID and no partition; wait for `configure`.

        An earlier attachment of either is taken back where Neutron has no port for it, and no guest
        its VF; else Refused.
        """
        guid = Guid.from_mac(mac)
        mac = guid.as_mac() or mac
        adapter, number = self._find(physical_network, pci)
        wanted = Attachment(physical_network, mac, pci, adapter.function.interface)
        self._held_up.forget(physical_network, mac)
        try:
            self._make_way(wanted, wait_s)
            with self._lock(wanted.interface):
                record, is_new = self._claim(wanted)
                if is_new or is_half_done(adapter.read_vf(pci, number), record):
                    self._prepare(record, adapter, number)
        except Refused as error:
            if wait_s:
                self._held_up.note(wanted, str(error), refused=True)
                self._news.tell(pci)
            raise
        self._held_up.forget(physical_network, mac)
        if is_new:
            LOG.info("attached VF %s to %s on %s", pci, mac, physical_network)
            self._news.tell(pci)
        return self._wait_programmed(record, wait_s)

    def adopt(self, physical_network: str, mac: str, pci: PciAddress, entry: TableEntry) -> bool:
        """Put on record a VF that others gave to *mac*; return whether it was not there yet.

        Nothing is written to the adapter.  Refused unless the VF shows the GUID of *mac*, a link
        that may come up, and on mlx4 exactly *entry*.
        """
        refuse_reserved(entry)
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
            self._news.tell(pci)
        return is_new

    def detach(self, physical_network: str, mac: str) -> bool:
        """Clear the VF of *mac*, then forget the attachment; return whether there was one."""
        mac = Guid.from_mac(mac).as_mac() or mac
        record = self._attachments.of(physical_network, mac)
        self._held_up.forget(physical_network, mac)
        if record is None:
            self._known(physical_network)
            return False
        with self._lock(record.interface):
            # Looked up again: it may have been detached before the lock was ours.
            held = self._attachments.at(record.pci)
            if held is not None and held.mac == mac:
                self._release(self._attachments.leave(held))
        LOG.info("detached VF %s from %s on %s", record.pci, mac, physical_network)
        self._news.tell(record.pci)
        return True

    def configure(
        self,
        pci: PciAddress,
        mac: str,
        entry: TableEntry | None,
        *,
        link_up: bool,
        instance: str | None = None,
    ) -> int:
        """Give an attached VF its table entry and link; return the number of writes.

        *instance*: nova's id of whose it is; None: not known, so what was known stays.
        """
        refuse_reserved(entry)
        mac = Guid.from_mac(mac).as_mac() or mac
        wanted = Configured(entry, link_up)
        with self._lock(self._attachment_of(pci, mac).interface):
            # Looked up again: it may have been detached before the lock was ours.
            record = self._attachment_of(pci, mac)
            adapter, number = self._open(record)
            changed = 0
            if adapter.read_vf(pci, number).guid != record.guid:
                changed += self._prepare(record, adapter, number)
            try:
                changed += adapter.program(pci, number, entry, link_up=link_up)
            except IbstackError as error:
                self._note_error(pci, str(error))
                raise
            self._errors.pop(pci, None)
            now = replace(
                record, configured=wanted, left=False, instance=instance or record.instance
            )
            is_new = record.configured != wanted
            if now != record:
                self._attachments.save(now)
        if changed or is_new:
            shown = "no partition" if entry is None or not link_up else f"entry {entry}"
            LOG.info("configured VF %s of %s: %s, %s writes", pci, mac, shown, changed)
            self._news.tell(pci)
        return changed

    def disown(self, pci: PciAddress, mac: str, *, left: bool) -> int:
        """Take an attached VF that has no port off every partition; return the number of writes.

        *left*: it had one, or Neutron has given the VF away, so that no port will come for it.
        """
        mac = Guid.from_mac(mac).as_mac() or mac
        with self._lock(self._attachment_of(pci, mac).interface):
            record = self._attachment_of(pci, mac)
            adapter, number = self._open(record)
            changed = adapter.program(pci, number, None, link_up=False)
            is_new = left and not record.left
            if is_new:
                self._attachments.save(replace(record, configured=None, left=True))
        if is_new:
            LOG.warning("VF %s of %s is left: Neutron has no port for it", pci, mac)
        if changed or is_new:
            self._news.tell(pci)
        return changed

    def watch(self, sequence: int, wait_s: float) -> int:
        """Return the sequence as soon as it differs from *sequence*, or when the wait is over."""
        return self._news.watch(sequence, wait_s)

    # What it does by itself.

    def reconcile(self) -> None:
        """Finish what a killed daemon or a restarted driver left half done.

        Only VFs that are attached, or were, by us: another VF is never touched.
        """
        for record in self._attachments.all():
            try:
                with self._lock(record.interface):
                    self._reconcile(record.pci)
            except IbstackError as error:
                self._unreached.add(record.pci)
                self._note_error(record.pci, str(error))

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
        self._news.tell()

    def stop(self) -> None:
        """Wake everybody who waits, for good."""
        self._news.stop()

    def _reconcile(self, pci: PciAddress) -> None:
        record = self._attachments.at(pci)
        if record is None:
            return
        if record.leaving:
            self._release(record)
            self._news.tell(pci)
            return
        if record.left and self._is_overdue(pci):
            LOG.info("VF %s of %s is freed: it had neither port nor guest", pci, record.mac)
            self._release(self._attachments.leave(record))
            self._news.tell(pci)
            return
        adapter, number = self._open(record)
        if is_half_done(adapter.read_vf(pci, number), record):
            self._prepare(record, adapter, number)
            LOG.warning(
                "VF %s was not as attached to %s; cleared it, set its GUID", pci, record.mac
            )
            self._news.tell()
        if pci in self._unreached:
            self._unreached.discard(pci)
            self._errors.pop(pci, None)

    def _is_overdue(self, pci: PciAddress) -> bool:
        """Return whether a VF that was left has been without a guest for long enough."""
        if self._adapters.guest_driver(pci) is not None:
            self._left_since.pop(pci, None)
            return False
        now = self._clock()
        return now - self._left_since.setdefault(pci, now) >= FREED_AFTER_S

    # Telling.

    def _judge(self, record: Attachment) -> JudgedState:
        try:
            with self._lock(record.interface):
                adapter, number = self._open(record)
                vf = adapter.read_vf(record.pci, number)
        except IbstackError as error:
            return AttachmentState.PENDING, str(error)
        return judge_attachment(record, vf, self._errors.get(record.pci))

    def _show(
        self, record: Attachment, vf: ObservedVf | None, guest: str | None
    ) -> ObservedAttachment:
        state, why = judge_attachment(record, vf, self._errors.get(record.pci), guest)
        return ObservedAttachment(
            *(record.physical_network, record.mac, record.pci, state, why),
            instance=record.instance,
            served=record.served,
            guest=guest,
        )

    def _wait_programmed(self, record: Attachment, wait_s: float) -> ObservedAttachment:
        deadline = self._clock() + wait_s
        while True:
            seen = self._news.version(record.pci)
            now = self._attachments.at(record.pci)
            if now is None or now.leaving or now.mac != record.mac:
                raise Refused(f"VF {record.pci} was detached from {record.mac} meanwhile")
            state, why = self._judge(now)
            left = deadline - self._clock()
            if state is AttachmentState.PROGRAMMED or left <= 0 or self._news.stopping:
                return ObservedAttachment(now.physical_network, now.mac, now.pci, state, why)
            self._news.wait(record.pci, seen, left)
