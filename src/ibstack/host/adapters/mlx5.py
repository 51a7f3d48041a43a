# SPDX-License-Identifier: Apache-2.0
"""VFs of a ConnectX-4 and later: each is a port of its own to a subnet manager that knows vports.

The host sets GUIDs and link policy, by MLNX_OFED's `sriov` files where there are any, else by
netlink; the P_Key table of a VF is written by the subnet manager alone.  A new GUID reaches a
driver when it starts, so a VF that a driver of the host holds is unbound and bound again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.errors import IbstackError, TryLater
from ibstack.host.adapters import netlink as rtnetlink
from ibstack.host.adapters.physical_function import (
    PhysicalFunction,
    gone,
    port_guid,
    port_state,
    real_guid,
    table_entries,
    virtual_functions,
)
from ibstack.host.client.observed import Link, ObservedAdapter, ObservedVf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import TableEntry
    from ibstack.fabric.pci import PciAddress
    from ibstack.host.adapters.netlink import Netlink
    from ibstack.runtime.sysfs import Sysfs

_INVALID: Final = (1 << 64) - 1
_DRIVER: Final = "mlx5_core"


@dataclass(frozen=True, slots=True)
class VportSettings:
    """What the host has asked for a VF: GUIDs as numbers, 0 never set."""

    node_guid: int
    port_guid: int
    link: Link | None


class VportControl(Protocol):
    """A way to set GUIDs and link policy of VFs: files of MLNX_OFED, or netlink."""

    def read(self, numbers: list[int]) -> Mapping[int, VportSettings]:
        """Return the settings of those of *numbers* that there are."""
        ...

    def set_guids(self, number: int, guid: int) -> None:
        """Set node and port GUID."""
        ...

    def set_link(self, number: int, link: Link) -> None:
        """Set the link policy."""
        ...


class SriovFiles:
    """…/device/sriov/<n>/{node,port,policy}: MLNX_OFED only, not in the mainline kernel."""

    _POLICIES: Final = {Link.AUTO: "Follow", Link.UP: "Up", Link.DOWN: "Down"}

    def __init__(self, sysfs: Sysfs, folder: str) -> None:
        self._sysfs = sysfs
        self._folder = folder

    def read(self, numbers: list[int]) -> Mapping[int, VportSettings]:
        present = [n for n in numbers if self._sysfs.exists(self._folder, str(n))]
        return {number: self._read(number) for number in present}

    def set_guids(self, number: int, guid: int) -> None:
        text = guid.to_bytes(8, "big").hex(":")
        self._sysfs.write(text, self._folder, str(number), "node")
        self._sysfs.write(text, self._folder, str(number), "port")

    def set_link(self, number: int, link: Link) -> None:
        self._sysfs.write(self._POLICIES[link], self._folder, str(number), "policy")

    def _read(self, number: int) -> VportSettings:
        policy = self._sysfs.read(self._folder, str(number), "policy").lower()
        links = {text.lower(): link for link, text in self._POLICIES.items()}
        return VportSettings(
            self._guid(number, "node"), self._guid(number, "port"), links.get(policy)
        )

    def _guid(self, number: int, name: str) -> int:
        path = f"{self._folder}/{number}/{name}"
        text = self._sysfs.read(path).replace(":", "")
        try:
            return int(text, 16)
        except ValueError as error:
            raise TryLater(f"cannot read {path}: {text!r} is no GUID") from error


class NetlinkVports:
    """`ip link set <interface> vf <n> node_guid …`: the mainline kernel, 5.6 and later."""

    _POLICIES: Final = {
        Link.AUTO: rtnetlink.LINK_AUTO,
        Link.UP: rtnetlink.LINK_UP,
        Link.DOWN: rtnetlink.LINK_DOWN,
    }

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink

    def read(self, numbers: list[int]) -> Mapping[int, VportSettings]:
        links = {policy: link for link, policy in self._POLICIES.items()}
        return {
            vf.number: VportSettings(
                vf.node_guid or 0,
                vf.port_guid or 0,
                None if vf.link is None else links.get(vf.link),
            )
            for vf in self._netlink.read().values()
            if vf.number in numbers
        }

    def set_guids(self, number: int, guid: int) -> None:
        self._netlink.set_guids(number, guid)

    def set_link(self, number: int, link: Link) -> None:
        self._netlink.set_link(number, self._POLICIES[link])


class Mlx5Adapter:
    """One port of a ConnectX-4 or later.  A VF is named by its number, counted from 0."""

    kind: Final = AdapterKind.MLX5

    def __init__(self, sysfs: Sysfs, function: PhysicalFunction, vports: VportControl) -> None:
        self._sysfs = sysfs
        self.function = function
        self._vports = vports

    def vfs(self) -> dict[PciAddress, int]:
        """Return the number of each VF, by its PCI address."""
        return virtual_functions(self._sysfs, self.function)

    def read(self, physical_network: str) -> ObservedAdapter:
        """Return the adapter as it is now.  Entries are not to be seen from the host."""
        vfs = self.vfs()
        settings = self._vports.read(list(vfs.values()))
        guid, state = self.port()
        return ObservedAdapter(
            physical_network=physical_network,
            interface=self.function.interface,
            device=self.function.device,
            port=self.function.port,
            kind=self.kind,
            pci=self.function.pci,
            port_guid=guid,
            port_state=state,
            vfs=tuple(_observe(pci, number, settings.get(number)) for pci, number in vfs.items()),
            entries=table_entries(self._sysfs, self.function),
        )

    def read_vf(self, pci: PciAddress, number: int) -> ObservedVf:
        """Return one VF as it is now."""
        return _observe(pci, number, self._vports.read([number]).get(number))

    def port(self) -> tuple[Guid | None, str | None]:
        """Return the physical port's GUID and its logical state."""
        return port_guid(self._sysfs, self.function), port_state(self._sysfs, self.function)

    def table(self) -> tuple[TableEntry | None, ...]:
        """Return nothing: what a VF may use is not in the physical port's table."""
        return ()

    def clear(self, pci: PciAddress, number: int) -> int:
        """Take the link of VF *number* down, then its GUIDs away; return the writes."""
        changed = self._set_link(pci, number, Link.DOWN)
        return changed + self._set_guids(pci, number, _INVALID)

    def set_guid(self, pci: PciAddress, number: int, guid: Guid) -> int:
        """Give VF *number* its node and port GUID, which are the same; return the writes."""
        return self._set_guids(pci, number, guid.value)

    def program(
        self, pci: PciAddress, number: int, entry: TableEntry | None, *, link_up: bool
    ) -> int:
        """Let the link follow the physical port; take it down where *entry* is None.

        Return the writes.  Which partitions the VF is in is the subnet manager's to say.
        """
        wanted = Link.AUTO if link_up and entry is not None else Link.DOWN
        if self._settings(pci, number).link is wanted:
            return 0
        # Bound again before the link comes up: a crash in between leaves it down, to be repeated.
        rebound = self._rebind(pci) if wanted is Link.AUTO else 0
        return rebound + self._set_link(pci, number, wanted)

    def _settings(self, pci: PciAddress, number: int) -> VportSettings:
        found = self._vports.read([number]).get(number)
        if found is None:
            raise gone(pci)
        return found

    def _set_link(self, pci: PciAddress, number: int, link: Link) -> int:
        if self._settings(pci, number).link is link:
            return 0
        self._vports.set_link(number, link)
        if self._settings(pci, number).link is not link:
            raise _not_taken(pci, f"link policy to {link.value}")
        return 1

    def _set_guids(self, pci: PciAddress, number: int, guid: int) -> int:
        if self._has_guids(pci, number, guid):
            return 0
        self._vports.set_guids(number, guid)
        if not self._has_guids(pci, number, guid):
            raise _not_taken(pci, f"GUID to {guid:#018x}")
        return 2

    def _has_guids(self, pci: PciAddress, number: int, guid: int) -> bool:
        # A node GUID that is not set makes rdma-cm fail in the guest, so both must be right.
        settings = self._settings(pci, number)
        return settings.node_guid == settings.port_guid == guid

    def _rebind(self, pci: PciAddress) -> int:
        if self._sysfs.target("bus/pci/devices", str(pci), "driver") != _DRIVER:
            return 0  # A guest's driver reads its GUID when it starts.
        self._sysfs.write(str(pci), "bus/pci/drivers", _DRIVER, "unbind")
        self._sysfs.write(str(pci), "bus/pci/drivers", _DRIVER, "bind")
        return 2


def connect(sysfs: Sysfs, function: PhysicalFunction) -> VportControl:
    """Return the way that this host's kernel offers: MLNX_OFED's files first, else netlink."""
    folder = f"class/infiniband/{function.device}/device/sriov"
    if sysfs.exists(folder):
        return SriovFiles(sysfs, folder)
    index = sysfs.read_number("class/net", function.interface, "ifindex")
    return NetlinkVports(rtnetlink.Netlink(index))


def _observe(pci: PciAddress, number: int, settings: VportSettings | None) -> ObservedVf:
    if settings is None:
        return ObservedVf(pci, number, guid=None, entry=None, index=None, link=None)
    same = settings.node_guid == settings.port_guid
    guid = real_guid(settings.port_guid) if same else None
    return ObservedVf(pci, number, guid=guid, entry=None, index=None, link=settings.link)


def _not_taken(pci: PciAddress, what: str) -> IbstackError:
    return IbstackError(f"cannot set VF {pci}'s {what}: the driver took it and kept its value")
