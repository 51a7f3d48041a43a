# SPDX-License-Identifier: Apache-2.0
"""Which VF was given to which instance, on disk: a file for each, named by its PCI address.

A file is there, whole, before the VF is touched and goes after it was cleared, so that a daemon
that was killed at any point finds out what it had begun.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from dataclasses import dataclass, field, replace
from typing import Final

from ibstack.fabric.errors import BadValue, IbstackError, Refused
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack.formats.codec import from_json, record, to_json, wire
from ibstack.runtime.atomic_file import SCRATCH, replace_file, sync_folder

LOG = logging.getLogger(__name__)

_SUFFIX: Final = ".json"
_SCRATCH: Final = (SCRATCH, f"{_SUFFIX}.new")
"""The second is of a release before 2026.12."""
_SET_ASIDE: Final = ".corrupt"


def _mac(raw: object) -> str:
    text = str(raw)
    Guid.from_mac(text)
    return text


@record
@dataclass(frozen=True, slots=True)
class Configured:
    """What the last `configure` asked for."""

    entry: TableEntry | None
    link_up: bool


@record
@dataclass(frozen=True, slots=True)
class Attachment:
    """A VF of *interface* given to the instance's port with *mac*."""

    physical_network: str
    mac: str = field(metadata=wire(read=_mac))
    """Lower case, with colons."""
    pci: PciAddress
    interface: str
    configured: Configured | None = None
    """None: not since it was attached."""
    leaving: bool = False
    """It was detached and its VF is not known to be clear yet."""
    instance: str | None = None
    """nova's id of the instance, as Neutron had it when the VF was configured; None: not known."""
    left: bool = False
    """Neutron has no port for it any more, by what ibstack-agent says; then nothing is configured.
    It was never detached."""

    @property
    def served(self) -> bool:
        """Whether Neutron has ever had a port for it."""
        return self.left or self.configured is not None

    @property
    def whose(self) -> str:
        return f"instance {self.instance}" if self.instance else "an instance that is not known"

    def is_at(self, other: Attachment) -> bool:
        """Whether both are of one MAC and one VF."""
        place = (self.physical_network, self.mac, self.pci)
        return place == (other.physical_network, other.mac, other.pci)

    @property
    def guid(self) -> Guid:
        return Guid.from_mac(self.mac)


class Attachments:
    """All attachments of this host.  Safe to use from several threads."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Read *folder*, and make it where it is missing.

        A file that cannot be read is set aside and told in `problems`; the others count.
        """
        self._folder = os.fspath(folder)
        self._lock = threading.Lock()
        self._by_pci: dict[PciAddress, Attachment] = {}
        self.problems: list[str] = []
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        for name in sorted(os.listdir(self._folder)):
            self._load(name)

    def all(self) -> list[Attachment]:
        with self._lock:
            return sorted(self._by_pci.values(), key=lambda each: each.pci)

    def at(self, pci: PciAddress) -> Attachment | None:
        """Return the attachment of the VF at *pci*."""
        with self._lock:
            return self._by_pci.get(pci)

    def of(self, physical_network: str, mac: str) -> Attachment | None:
        """Return the attachment of *mac*, in lower case, on *physical_network*."""
        with self._lock:
            return self._of(physical_network, mac)

    def claim(self, wanted: Attachment) -> tuple[Attachment, bool]:
        """Return the attachment as it is on disk now, and whether it is new.

        Refused where another MAC holds that VF, or that MAC another VF of the physical network.
        """
        with self._lock:
            holder = self._by_pci.get(wanted.pci)
            other = self._of(wanted.physical_network, wanted.mac)
            if holder is not None and holder is other:
                return holder, False
            if holder is not None:
                raise Refused(
                    f"VF {wanted.pci} is attached to {holder.mac} on {holder.physical_network}; "
                    f"detach that first: ebrctl del-port {holder.physical_network} {holder.mac}"
                )
            if other is not None:
                raise Refused(
                    f"{wanted.mac} holds VF {other.pci} of physical network "
                    f"{other.physical_network}; detach that first: "
                    f"ebrctl del-port {other.physical_network} {other.mac}"
                )
            self._save(wanted)
            return wanted, True

    def save(self, attachment: Attachment) -> None:
        """Replace the attachment of that VF."""
        with self._lock:
            self._save(attachment)

    def leave(self, attachment: Attachment) -> Attachment:
        """Note that the attachment is to go, and return it so.

        A disk that is full keeps no VF in its tenant's partition: then the note is in memory only,
        and a daemon that is killed before the VF is clear finds it attached.
        """
        leaving = replace(attachment, leaving=True)
        try:
            self.save(leaving)
        except IbstackError as error:
            LOG.warning("%s; VF %s is cleared all the same", error, attachment.pci)
            with self._lock:
                self._by_pci[attachment.pci] = leaving
        return leaving

    def forget(self, pci: PciAddress) -> None:
        """Drop the attachment of that VF; do nothing where there is none."""
        with self._lock:
            if self._by_pci.pop(pci, None) is not None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path(pci))
                sync_folder(self._folder)

    def _of(self, physical_network: str, mac: str) -> Attachment | None:
        for each in self._by_pci.values():
            if (each.physical_network, each.mac) == (physical_network, mac):
                return each
        return None

    def _path(self, pci: PciAddress) -> str:
        return os.path.join(self._folder, f"{pci}{_SUFFIX}")

    def _save(self, attachment: Attachment) -> None:
        path = self._path(attachment.pci)
        try:
            replace_file(path, json.dumps(to_json(attachment)))
        except OSError as error:
            raise IbstackError(f"cannot record attachment in {path}: {error.strerror}") from error
        self._by_pci[attachment.pci] = attachment

    def _load(self, name: str) -> None:
        path = os.path.join(self._folder, name)
        if name.endswith(_SCRATCH):
            os.unlink(path)  # It never took its file's place, so nothing was done under it.
            return
        if not name.endswith(_SUFFIX):
            return
        try:
            attachment = _parse(path, name.removesuffix(_SUFFIX))
        except (OSError, ValueError, RecursionError) as error:
            self._set_aside(path, f"{type(error).__name__}: {error}")
            return
        self._by_pci[attachment.pci] = attachment

    def _set_aside(self, path: str, why: str) -> None:
        aside = path + _SET_ASIDE
        os.replace(path, aside)
        problem = (
            f"cannot read the attachment in {path}: {why}; it is now {aside}; the VF that it names "
            "stays as it is: detach and attach that port again, or restart its instance"
        )
        self.problems.append(problem)
        LOG.warning("%s", problem)


def _parse(path: str, slot: str) -> Attachment:
    with open(path, encoding="ascii") as text:
        attachment = from_json(Attachment, json.load(text))
    if str(attachment.pci) != slot:
        raise BadValue("PCI address", str(attachment.pci), "it should be the file's name")
    return attachment
