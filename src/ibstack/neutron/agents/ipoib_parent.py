# SPDX-License-Identifier: Apache-2.0
"""The adapters whose children serve a host's DHCP and routers, as sysfs shows them.

Paths: kernel Documentation/ABI/stable/sysfs-class-infiniband.  A port is found by its network
interface; ipoib counts ports from 0, in dev_id and since kernel 4.19 in dev_port as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.ipoib import IpoibAddress
from ibstack.fabric.partition import DEFAULT_PARTITION, TableEntry
from ibstack.runtime.sysfs import Sysfs, SysfsFailed

if TYPE_CHECKING:
    import os

    from ibstack.fabric.guid import Guid

_ACTIVE: Final = "ACTIVE"
_IFF_UP: Final = 0x1  # include/uapi/linux/if.h


@dataclass(frozen=True, slots=True)
class Parent:
    """A network interface of an adapter, and its port's P_Key table."""

    interface: str
    trouble: str | None
    """Why it cannot carry a child; None where it can."""
    table: frozenset[TableEntry] = frozenset()

    def carries(self, entry: TableEntry) -> bool:
        """Return whether a child with *entry* would work.

        Of the default partition a port may be a limited member: the kernel finds the key by its
        low 15 bits (drivers/infiniband/core/cache.c, ib_find_cached_pkey).
        """
        if entry.partition == DEFAULT_PARTITION:
            return any(held.partition == DEFAULT_PARTITION for held in self.table)
        return entry in self.table


class Parents:
    """The host's adapters below a root that stands for /sys; each question reads anew."""

    def __init__(self, root: str | os.PathLike[str] = "/sys") -> None:
        self._sysfs = Sysfs(root)

    def read(self, interface: str) -> Parent:
        """Return how the adapter behind *interface* stands."""
        folder = f"class/net/{interface}"
        if not self._sysfs.exists(folder):
            return Parent(interface, f"there is no interface {interface} on this host")
        port = self._port(folder)
        if port is None:
            return Parent(interface, f"interface {interface} is no port of an InfiniBand adapter")
        flags = self._sysfs.text(folder, "flags")
        if flags and not int(flags, 16) & _IFF_UP:
            return Parent(
                interface, f"interface {interface} is down; say: ip link set {interface} up"
            )
        state = self._sysfs.text(port, "state").rpartition(" ")[2] or "unknown"
        if state != _ACTIVE:
            return Parent(interface, f"the port of {interface} is {state}; see ibstat")
        return Parent(interface, None, self._sysfs.pkey_table(port))

    def guid(self, interface: str) -> Guid | None:
        """Return the port GUID behind *interface*: its children have it too.  None: not known."""
        try:
            return IpoibAddress.parse(self._sysfs.text(f"class/net/{interface}/address")).guid
        except BadValue:
            return None

    def _port(self, folder: str) -> str | None:
        devices = f"{folder}/device/infiniband"
        try:
            names = self._sysfs.names(devices)
        except SysfsFailed:
            return None
        numbers = (self._sysfs.number(folder, name) for name in ("dev_id", "dev_port"))
        number = 1 + max(found or 0 for found in numbers)
        return f"{devices}/{names[0]}/ports/{number}" if names else None
