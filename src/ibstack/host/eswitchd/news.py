# SPDX-License-Identifier: Apache-2.0
"""Waking who waits for a change of this host.  It carries no state: a change means "look"."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ibstack.fabric.pci import PciAddress

Version: TypeAlias = "tuple[int, int]"
"""Of a VF: differs where it, or the whole host, may have changed."""


class News:
    """Changes of one host.  Safe to use from threads; its lock is taken last of all."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # At random, so that a watcher of the daemon before a restart finds a difference.
        self._sequence = int.from_bytes(os.urandom(4), "big")
        self._versions: dict[PciAddress, int] = {}
        self._host_version = 0
        self.stopping = False

    @property
    def sequence(self) -> int:
        with self._changed:
            return self._sequence

    def tell(self, pci: PciAddress | None = None) -> int:
        """Wake the watchers, and who waits for the VF at *pci*; None: for any.

        Returns the new sequence.
        """
        with self._changed:
            self._sequence += 1
            if pci is None:
                self._host_version += 1
            else:
                self._versions[pci] = self._versions.get(pci, 0) + 1
            self._changed.notify_all()
            return self._sequence

    def stop(self) -> None:
        """Wake everybody who waits, for good."""
        with self._changed:
            self.stopping = True
            self._changed.notify_all()

    def watch(self, sequence: int, wait_s: float) -> int:
        """Return the sequence as soon as it differs from *sequence*, or when the wait is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopping or self._sequence != sequence, wait_s)
            return self._sequence

    def version(self, pci: PciAddress) -> Version:
        with self._changed:
            return self._version(pci)

    def wait(self, pci: PciAddress, seen: Version, wait_s: float) -> None:
        """Return as soon as the version of *pci* differs from *seen*, or when the wait is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopping or self._version(pci) != seen, wait_s)

    def _version(self, pci: PciAddress) -> Version:
        return self._host_version, self._versions.get(pci, 0)
