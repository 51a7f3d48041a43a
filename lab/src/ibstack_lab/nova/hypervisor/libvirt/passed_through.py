# SPDX-License-Identifier: Apache-2.0
"""The VFs that this host's running domains hold, as the lab's silicon and guests see them.

`hosts/<host>/guests/<pci>` is there while a guest's driver runs on that VF, and holds the domain's
UUID.  `hosts/<host>/guests-up/<pci>` is the guest's own: it is there as long as anything of it is.
A VF is free when both are gone.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Final

from .constants import VIR_ERR_OPERATION_FAILED
from .errors import libvirtError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_GONE_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.02


class PassedThrough:
    """What one host gives to its domains."""

    def __init__(self, host_folder: Path) -> None:
        self._drivers = host_folder / "guests"
        self._guests = host_folder / "guests-up"
        self._drivers.mkdir(parents=True, exist_ok=True)

    def give(self, uuid: str, addresses: Iterable[str]) -> None:
        """Let the guest of domain *uuid* start its drivers; it is not waited for."""
        for pci in addresses:
            fresh = self._drivers / f".{pci}.{os.getpid()}.{threading.get_ident()}.new"
            fresh.write_text(uuid + "\n")
            fresh.replace(self._drivers / pci)

    def take_back(self, addresses: Iterable[str]) -> None:
        """End what runs on these VFs; return when nothing of it is left."""
        taken = list(addresses)
        for pci in taken:
            (self._drivers / pci).unlink(missing_ok=True)
        deadline = time.monotonic() + _GONE_WITHIN_S
        while left := [pci for pci in taken if (self._guests / pci).exists()]:
            if time.monotonic() > deadline:
                raise libvirtError(
                    f"cannot end the guest on {', '.join(left)}: it still runs after"
                    f" {_GONE_WITHIN_S:g} s; see the log of the lab's `guests`",
                    VIR_ERR_OPERATION_FAILED,
                )
            time.sleep(_LOOK_EVERY_S)

    def make_true(self, running: Mapping[str, str], paused: Mapping[str, str]) -> None:
        """Make what is given true to the domains by VF: a process was killed in between.

        One that is paused may have run before, or not.
        """
        found = {each.name for each in self._drivers.iterdir() if not each.name.startswith(".")}
        self.take_back(sorted(found - running.keys() - paused.keys()))
        for pci, uuid in running.items():
            if pci not in found:
                self.give(uuid, (pci,))
