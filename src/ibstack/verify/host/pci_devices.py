# SPDX-License-Identifier: Apache-2.0
"""Which functions of adapters a host has, and how many VFs each physical one has made.

Source: lspci(8) of pciutils 3.9: `[DOMAIN:]BUS:DEVICE.FUNCTION CLASS: VENDOR DEVICE`, with or
without -D, -nn and -k, and below it, indented, what -k and -v add; kernel
Documentation/ABI/testing/sysfs-bus-pci, sriov_numvfs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.verify.evidence import LSPCI, PCI_DEVICES, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

_DEVICE: Final = re.compile(
    r"((?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])"
    # A BlueField has bridges and DMA engines of the same vendor.
    r" (?:Network|Ethernet|Infiniband) controller(?: \[\w+\])?: (.*)"
)
_VENDOR: Final = "Mellanox"
_VIRTUAL: Final = "Virtual Function"
# pci.ids: ConnectX to ConnectX-3 Pro; MT27600 and later numbers are mlx5's.
_MLX4: Final = re.compile(r"MT2[56]\d{3}|MT275\d\d|ConnectX-[23]\b")


@dataclass(frozen=True, slots=True)
class Function:
    """One function of an adapter."""

    pci: str
    """With its domain: 0000:05:00.1."""
    virtual: bool
    driver: str
    """mlx4 or mlx5."""


def functions(host: Evidence) -> tuple[tuple[Function, ...], str] | Unread:
    """Return the functions of all adapters, and the name of the text."""
    for name, text in host.matching("commands/lspci*").items():
        return tuple(_functions(text)), name
    unread = host.text(LSPCI)
    return unread if isinstance(unread, Unread) else Unread("it was not collected")


def numvfs_name(pci: str) -> str:
    """Return the name of the file that says how many VFs a function has made."""
    return f"{PCI_DEVICES}/{pci}/sriov_numvfs"


def vfs_made(host: Evidence, pci: str) -> int | None:
    """Return how many VFs a physical function has made, as the kernel says; None: not known."""
    text = host.text(numvfs_name(pci))
    return int(text) if isinstance(text, str) and text.strip().isdigit() else None


def _functions(text: str) -> Iterator[Function]:
    for line in text.splitlines():
        device = _DEVICE.match(line)
        if device and _VENDOR in device[2]:
            pci = device[1] if device[1].count(":") == 2 else f"0000:{device[1]}"
            driver = "mlx4" if _MLX4.search(device[2]) else "mlx5"
            yield Function(pci, _VIRTUAL in device[2], driver)
