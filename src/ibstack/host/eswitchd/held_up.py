# SPDX-License-Identifier: Apache-2.0
"""Plugs that an earlier attachment is in the way of: what becomes of that one.

nova takes a VF back with `del-port`.  Where that was lost, because nova-compute or ibstack-eswitchd
was down while a server was deleted, nova gives the same VF to the next server all the same.
"""

from __future__ import annotations

import enum
import threading
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import Refused
from ibstack.host.client.observed import BlockedPlug

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.host.eswitchd.attachments import Attachment

_TOLD_FOR_S: Final = 60.0


class Former(enum.Enum):
    """What becomes of an attachment that has the VF, or the MAC, of a new plug."""

    STAYS = "stays"
    """It is the same one."""
    GIVES_WAY = "gives way"
    UNDECIDED = "undecided"
    """ibstack-agent has not said yet whether Neutron has a port for it."""


def judge_former(former: Attachment, wanted: Attachment, guest: str | None) -> Former:
    """Return what becomes of *former*, which is not leaving; Refused where a guest has its VF.

    *guest*: the driver that gives the VF of *former* to a guest, None where none does.
    """
    # Plugged again: by a nova-compute that has started anew, say, while the guest runs.
    if former.is_at(wanted) and not (former.left and guest):
        return Former.STAYS
    if guest is not None:
        raise Refused(
            f"a guest still has VF {former.pci} (driver {guest}), which is attached to {former.mac}"
            f" on {former.physical_network} for {former.whose}; end that guest on this host (virsh"
            " list, virsh destroy), and boot again"
        )
    return Former.GIVES_WAY if former.left else Former.UNDECIDED


class BlockedPlugs:
    """The plugs that wait or were refused for that, for a minute.  Safe to use from threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], tuple[float, BlockedPlug]] = {}

    def note(self, wanted: Attachment, why: str, *, refused: bool) -> bool:
        """Tell of *wanted* from now on; return whether that is new."""
        told = BlockedPlug(wanted.physical_network, wanted.mac, wanted.pci, refused, why)
        key = (told.physical_network, told.mac)
        with self._lock:
            before = self._found.get(key)
            self._found[key] = self._clock(), told
        return before is None or before[1] != told

    def forget(self, physical_network: str, mac: str) -> None:
        with self._lock:
            self._found.pop((physical_network, mac), None)

    def all(self) -> tuple[BlockedPlug, ...]:
        with self._lock:
            now = self._clock()
            self._found = {k: v for k, v in self._found.items() if now - v[0] < _TOLD_FOR_S}
            return tuple(told for _, told in self._found.values())
