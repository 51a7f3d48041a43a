# SPDX-License-Identifier: Apache-2.0
"""What mlx4 and mlx5 show alike: a physical function, its port, and which VFs it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, BadValue, IbstackError, TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import PciAddress

if TYPE_CHECKING:
    from ibstack.runtime.sysfs import Sysfs

_HOST_DRIVERS: Final = frozenset({"mlx4_core", "mlx5_core"})


@dataclass(frozen=True, slots=True)
class PhysicalFunction:
    """One port of an adapter, found through its network interface."""

    interface: str
    device: str
    """The InfiniBand device, such as mlx5_0."""
    port: int
    """Counted from 1."""
    pci: PciAddress
    driver: str
    """The name of its kernel driver, such as mlx5_core."""

    @property
    def port_path(self) -> str:
        return f"class/infiniband/{self.device}/ports/{self.port}"

    @property
    def pci_path(self) -> str:
        return f"bus/pci/devices/{self.pci}"


def find(sysfs: Sysfs, interface: str) -> PhysicalFunction:
    """Return the function behind *interface*.

    BadInput, with what to do, where there is no such interface or it is no InfiniBand port.
    """
    if not sysfs.exists("class/net", interface):
        known = ", ".join(_infiniband_interfaces(sysfs)) or "none"
        raise BadInput(
            f"there is no interface {interface} on this host; "
            f"InfiniBand interfaces that there are: {known}"
        )
    folder = f"class/net/{interface}/device"
    slot = sysfs.resolved(folder)
    devices = sysfs.names(folder, "infiniband")
    if slot is None or not devices:
        raise BadInput(f"interface {interface} is no port of an InfiniBand adapter")
    pci = PciAddress.parse(slot)
    # ipoib counts ports from 0, in dev_id and since kernel 4.19 in dev_port as well.
    port = 1 + max(_number(sysfs, interface, "dev_id"), _number(sysfs, interface, "dev_port"))
    driver = sysfs.target("bus/pci/devices", slot, "driver")
    return PhysicalFunction(interface, devices[0], port, pci, driver or "no driver")


def virtual_functions(sysfs: Sysfs, function: PhysicalFunction) -> dict[PciAddress, int]:
    """Return the number of each VF by its address, from the links that the PCI core makes."""
    found: dict[PciAddress, int] = {}
    for name in sysfs.names(function.pci_path):
        number = name.removeprefix("virtfn")
        slot = sysfs.target(function.pci_path, name) if number.isdigit() else None
        if slot is not None and name.startswith("virtfn"):
            found[PciAddress.parse(slot)] = int(number)
    return dict(sorted(found.items(), key=lambda item: item[1]))


def guest_driver(sysfs: Sysfs, pci: PciAddress) -> str | None:
    """Return the driver by which a guest has the VF at *pci* now; None where no guest has it.

    A driver such as vfio-pci enables the function when a process opens it, and disables it when
    that closes it (kernel drivers/vfio/pci/vfio_pci_core.c; `enable` in
    Documentation/ABI/testing/sysfs-bus-pci counts).  Where the count cannot be read it counts as
    open.  A driver of the host's own is no guest.
    """
    folder = f"bus/pci/devices/{pci}"
    driver = sysfs.target(folder, "driver")
    if driver is None or driver in _HOST_DRIVERS:
        return None
    try:
        is_open = sysfs.read(folder, "enable") != "0"
    except IbstackError:
        is_open = True
    return driver if is_open else None


def port_guid(sysfs: Sysfs, function: PhysicalFunction) -> Guid | None:
    """Return the port's GUID: the lower half of its first GID."""
    groups = sysfs.read(function.port_path, "gids/0").split(":")
    try:
        return Guid.parse(":".join(groups[4:]))
    except BadValue:
        return None


def table_entries(sysfs: Sysfs, function: PhysicalFunction) -> int | None:
    """Return how many entries the port's P_Key table has, None where the kernel shows none.

    Kernel Documentation/ABI/stable/sysfs-class-infiniband: pkeys/<N>, up to the table's size.
    """
    names = sysfs.names(function.port_path, "pkeys")
    return sum(name.isdigit() for name in names) or None


def port_state(sysfs: Sysfs, function: PhysicalFunction) -> str | None:
    """Return down, init, armed or active; sysfs prints `4: ACTIVE`."""
    return sysfs.read(function.port_path, "state").rpartition(" ")[2].lower() or None


def real_guid(value: int | None) -> Guid | None:
    """Return *value* as a GUID; None where it is not set, deleted or reserved."""
    try:
        return None if value is None else Guid(value)
    except BadValue:
        return None


def gone(pci: PciAddress) -> TryLater:
    """Return what to raise for a VF that went away since it was looked up."""
    return TryLater(f"VF {pci} has just gone; look at the adapter's sriov_numvfs")


def _number(sysfs: Sysfs, interface: str, name: str) -> int:
    path = f"class/net/{interface}/{name}"
    return sysfs.read_number(path) if sysfs.exists(path) else 0


def _infiniband_interfaces(sysfs: Sysfs) -> list[str]:
    names = sysfs.names("class/net")
    return [name for name in names if sysfs.names("class/net", name, "device/infiniband")]
