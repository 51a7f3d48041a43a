# SPDX-License-Identifier: Apache-2.0
"""Whether the kernel uses an IOMMU.

Sources: kernel drivers/iommu/iommu-sysfs.c: /sys/class/iommu has one entry for each IOMMU in use
(dmar0 of Intel, ivhd0 of AMD, smmu3… of ARM), and none with intel_iommu=off, amd_iommu=off or
iommu=off.  drivers/iommu/intel/iommu.c, the end of intel_iommu_init(); drivers/iommu/amd/init.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.verify.evidence import DMESG, IOMMUS, LSCPU, Unread, shown

if TYPE_CHECKING:
    from ibstack.verify.evidence import Evidence

# `DMAR: IOMMU enabled` is what the kernel says when it reads intel_iommu=on, with or without VT-d:
# it proves nothing.
_ON: Final = re.compile(
    r"Virtualization Technology for Directed I/O"
    r"|AMD-Vi: (?:Found IOMMU|Interrupt remapping enabled|Virtual APIC enabled)"
)
_BEGINNING: Final = "Linux version "
_VENDOR: Final = re.compile(r"^Vendor ID:\s*(\S+)", re.M)
AMD: Final = "AuthenticAMD"
INTEL: Final = "GenuineIntel"


@dataclass(frozen=True, slots=True)
class Iommu:
    """*on* None: not known, and *found* says why."""

    on: bool | None
    found: str
    source: str


def iommu(host: Evidence) -> Iommu:
    """Return what sysfs says; where it was not collected, what the kernel said at its start."""
    listed, log = host.text(IOMMUS), host.text(DMESG)
    if isinstance(listed, str):
        names = listed.split()
        return Iommu(bool(names), " ".join(names) or "no IOMMU in use", shown(IOMMUS))
    if isinstance(log, Unread):
        return Iommu(None, log.why, f"{shown(IOMMUS)}, {shown(DMESG)}")
    line = next((line for line in log.splitlines() if _ON.search(line)), None)
    if line is not None:
        return Iommu(True, line.partition("] ")[2] or line, shown(DMESG))
    if _BEGINNING not in log:
        # An old message may have left the ring buffer.
        return Iommu(None, "the beginning of the log is gone", f"{shown(IOMMUS)}, {shown(DMESG)}")
    return Iommu(False, "no line of an IOMMU that is on", shown(DMESG))


def cpu_vendor(host: Evidence) -> str | None:
    """Return GenuineIntel, AuthenticAMD …; None: not known."""
    text = host.text(LSCPU)
    found = _VENDOR.search(text) if isinstance(text, str) else None
    return found[1] if found else None
