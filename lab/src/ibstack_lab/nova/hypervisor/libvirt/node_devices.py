# SPDX-License-Identifier: Apache-2.0
"""virNodeDevice: the PCI functions of a host's sysfs and the network links on them.

XML as https://libvirt.org/formatnode.html has it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROOT_PORT: Final = "pci_0000_00_02_0"


@dataclass(frozen=True, slots=True)
class virNodeDevice:
    """One device of a host."""

    _name: str
    _parent: str
    _capability: str
    _xml: str

    def name(self) -> str:
        return self._name

    def parent(self) -> str:
        return self._parent

    def listCaps(self) -> list[str]:
        return [self._capability]

    def XMLDesc(self, _flags: int = 0) -> str:
        return self._xml


def node_devices(sysfs: Path) -> Iterator[virNodeDevice]:
    """Yield the PCI functions below *sysfs*, which stands for /sys, and their links."""
    for group, function in enumerate(sorted((sysfs / "bus/pci/devices").iterdir())):
        device = _pci_device(function, group)
        yield device
        for link in sorted((function / "net").glob("*")):
            yield _net_device(link, device.name())


def _pci_device(function: Path, group: int) -> virNodeDevice:
    """Return one function; like every VF it has an IOMMU group of its own."""
    pci = function.name
    name = _pci_name(pci)
    physical = function / "physfn"
    parent = _pci_name(physical.resolve().name) if physical.exists() else _ROOT_PORT
    driver = function / "driver"
    bound = f"<driver><name>{driver.readlink().name}</name></driver>" if driver.is_symlink() else ""
    domain, bus, slot, number = _numbers(pci)
    vendor, product = ((function / part).read_text().strip() for part in ("vendor", "device"))
    xml = (
        f"<device><name>{name}</name><path>{function.resolve()}</path><parent>{parent}</parent>"
        f"{bound}<capability type='pci'><domain>{domain}</domain><bus>{bus}</bus>"
        f"<slot>{slot}</slot><function>{number}</function>"
        f"<product id='{product}'/><vendor id='{vendor}'/>{_sriov(function)}"
        f"<iommuGroup number='{group}'>{_address(pci)}</iommuGroup></capability></device>"
    )
    return virNodeDevice(name, parent, "pci", xml)


def _sriov(function: Path) -> str:
    """Say which function a VF is of, and which VFs a physical function has."""
    physical = function / "physfn"
    if physical.exists():
        address = _address(physical.resolve().name)
        return f"<capability type='phys_function'>{address}</capability>"
    links = function.glob("virtfn*")
    ordered = sorted(links, key=lambda link: int(link.name.removeprefix("virtfn")))
    addresses = "".join(_address(link.resolve().name) for link in ordered)
    return f"<capability type='virt_functions'>{addresses}</capability>" if addresses else ""


def _net_device(link: Path, parent: str) -> virNodeDevice:
    address = (link / "address").read_text().strip()
    name = f"net_{link.name}_{address.replace(':', '_')}"
    xml = (
        f"<device><name>{name}</name><parent>{parent}</parent><capability type='net'>"
        f"<interface>{link.name}</interface><address>{address}</address></capability></device>"
    )
    return virNodeDevice(name, parent, "net", xml)


def _pci_name(pci: str) -> str:
    return "pci_" + re.sub("[:.]", "_", pci)


def _address(pci: str) -> str:
    domain, bus, slot, function = _numbers(pci)
    return (
        f"<address domain='{domain:#06x}' bus='{bus:#04x}' slot='{slot:#04x}'"
        f" function='{function:#x}'/>"
    )


def _numbers(pci: str) -> tuple[int, int, int, int]:
    domain, bus, slot, function = (int(part, 16) for part in re.split("[:.]", pci))
    return domain, bus, slot, function
