# SPDX-License-Identifier: Apache-2.0
"""The adapters whose children serve a host's DHCP and routers, as sysfs shows them.

Paths: kernel Documentation/ABI/stable/sysfs-class-infiniband.  A port is found by its network
interface; ipoib counts ports from 0, in dev_id and since kernel 4.19 in dev_port as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.ipoib import IpoibAddress
from ibstack.fabric.partition import DEFAULT_PARTITION, TableEntry

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
        self._root = Path(root)

    def look(self, interface: str) -> Parent:
        """Return how the adapter behind *interface* stands."""
        folder = self._root / "class/net" / interface
        if not folder.exists():
            return Parent(interface, f"there is no interface {interface} on this host")
        port = _port(folder)
        if port is None:
            return Parent(interface, f"interface {interface} is no port of an InfiniBand adapter")
        flags = _read(folder / "flags")
        if flags and not int(flags, 16) & _IFF_UP:
            return Parent(
                interface, f"interface {interface} is down; say: ip link set {interface} up"
            )
        state = _read(port / "state").rpartition(" ")[2] or "unknown"
        if state != _ACTIVE:
            return Parent(interface, f"the port of {interface} is {state}; see ibstat")
        return Parent(interface, None, _table(port / "pkeys"))

    def guid(self, interface: str) -> Guid | None:
        """Return the port GUID behind *interface*: its children have it too.  None: not known."""
        try:
            return IpoibAddress.parse(_read(self._root / "class/net" / interface / "address")).guid
        except BadValue:
            return None


def _port(folder: Path) -> Path | None:
    devices = folder / "device/infiniband"
    try:
        device = sorted(devices.iterdir())[0]
    except (OSError, IndexError):
        return None
    number = 1 + max(_number(folder / "dev_id"), _number(folder / "dev_port"))
    return device / "ports" / str(number)


def _table(folder: Path) -> frozenset[TableEntry]:
    try:
        raw = [_read(path) for path in folder.iterdir()]
    except OSError:
        return frozenset()
    entries = (TableEntry.from_wire(int(text, 16)) for text in raw if text)
    return frozenset(entry for entry in entries if entry is not None)


def _number(path: Path) -> int:
    return int(_read(path) or "0", 0)


def _read(path: Path) -> str:
    """Return an attribute's first line; empty where there is none."""
    try:
        return path.read_text(encoding="ascii").partition("\n")[0].strip()
    except OSError:
        return ""
