# SPDX-License-Identifier: Apache-2.0
"""The VFs that are attached: finding them, clearing them, and taking back what a plug needs.

Locks are taken in this order: one interface's, then the attachments' or the news'.  A VF is
touched, and its attachment changed, only under the lock of the interface it was attached through.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, IbstackError, Refused, TryLater
from ibstack.host.eswitchd.held_up import BlockedPlugs, Former, judge_former
from ibstack.host.eswitchd.news import News

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.fabric.pci import PciAddress
    from ibstack.formats.eswitchd_conf import Mapping
    from ibstack.host.adapters.mapped_adapters import Adapter, Adapters
    from ibstack.host.eswitchd.attachments import Attachment, Attachments

LOG = logging.getLogger(__name__)

# nova waits for ebrctl; ibstack-agent answers in a fraction of a second, Neutron in one or two.
_DECIDED_WITHIN_S: Final = 5.0


class AttachedVfs:
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
        self._news = News()
        self._held_up = BlockedPlugs(clock)
        self._left_since: dict[PciAddress, float] = {}
        self._errors: dict[PciAddress, str] = {}
        self._unreached: set[PciAddress] = set()

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

    def _attachment_of(self, pci: PciAddress, mac: str) -> Attachment:
        record = self._attachments.at(pci)
        if record is None or record.leaving:
            raise Refused(f"VF {pci} is not attached to anything")
        if record.mac != mac:
            raise Refused(f"VF {pci} is attached to {record.mac}, not to {mac}")
        return record

    # Making way for a plug.

    def _make_way(self, wanted: Attachment, wait_s: float) -> None:
        """Take back what is in the way of *wanted* and may go; wait until that is known."""
        deadline = self._clock() + min(wait_s, _DECIDED_WITHIN_S)
        while True:
            sequence = self._news.sequence
            formers = {
                former.pci: former
                for former in (
                    self._attachments.of(wanted.physical_network, wanted.mac),
                    self._attachments.at(wanted.pci),
                )
                if former is not None
            }
            undecided = [each for each in formers.values() if not self._gives_way(each, wanted)]
            left_s = deadline - self._clock()
            if not undecided or left_s <= 0 or self._news.stopping:
                return  # Where any is left, claim() names it.
            why = f"VF {undecided[0].pci} is attached to {undecided[0].mac}"
            if self._held_up.note(wanted, why, refused=False):
                sequence = self._news.tell(wanted.pci)
            self._news.watch(sequence, left_s)

    def _gives_way(self, former: Attachment, wanted: Attachment) -> bool:
        """Take *former* back where it may go; return whether it is in the way no more."""
        with self._lock(former.interface):
            if self._attachments.at(former.pci) != former:
                return False  # It has changed meanwhile: look again.
            if not former.leaving:
                guest = self._adapters.guest_driver(former.pci)
                judged = judge_former(former, wanted, guest)
                if judged is not Former.GIVES_WAY:
                    return judged is Former.STAYS
                LOG.info("VF %s of %s gives way to %s", former.pci, former.mac, wanted.mac)
                former = self._attachments.leave(former)
            self._release(former)
        self._news.tell(former.pci)
        return True

    def _claim(self, wanted: Attachment) -> tuple[Attachment, bool]:
        """Claim.  Where no guest has the VF, the next one's port is yet to be seen in Neutron."""
        record, is_new = self._attachments.claim(wanted)
        if is_new or self._adapters.guest_driver(record.pci) is not None:
            return record, is_new
        as_now = replace(record, left=False, instance=None)
        if as_now != record:
            self._attachments.save(as_now)
        return as_now, False

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
            self._errors.pop(record.pci, None)
            self._left_since.pop(record.pci, None)

    def _note_error(self, pci: PciAddress, what: str) -> None:
        if self._errors.get(pci) != what:
            LOG.warning("VF %s: %s", pci, what)
            self._errors[pci] = what


def _serves(mapping: Mapping, physical_network: str) -> bool:
    return mapping.physical_network == physical_network
