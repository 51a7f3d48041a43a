# SPDX-License-Identifier: Apache-2.0
"""Whether the kernel uses an IOMMU.

Sources: kernel drivers/iommu/iommu-sysfs.c: /sys/class/iommu has one entry for each IOMMU in use
(dmar0 of Intel, ivhd0 of AMD, smmu3… of ARM), and none with intel_iommu=off, amd_iommu=off or
iommu=off.  drivers/iommu/intel/iommu.c, the end of intel_iommu_init(); drivers/iommu/amd/init.c;
drivers/iommu/arm/arm-smmu*; drivers/iommu/virtio-iommu.c; drivers/iommu/iommu.c,
iommu_group_add_device(); arch/powerpc/kernel/iommu.c, whose tables are no IOMMU of sysfs before
Linux 6.3.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import DMESG, IOMMUS, LSCPU, Missing, shown

if TYPE_CHECKING:
    from ibstack.facts.evidence import Evidence

# `DMAR: IOMMU enabled` is what the kernel says when it reads intel_iommu=on, with or without VT-d:
# it proves nothing.
_ON: Final = re.compile(
    r"Virtualization Technology for Directed I/O"
    r"|AMD-Vi: (?:Found IOMMU|Interrupt remapping enabled|Virtual APIC enabled)"
    r"|\barm-smmu(?:-v3)?\b.*(?:\bias \d+-bit|: SMMUv\d with:|Stage-[12]: \d+-bit)"
    r"|\bvirtio_iommu\b.*\baperture\b|\bvirtio_iommu\b.*input address:"
    r"|IOMMU table initialized"
)
# Before Linux 5.9 `iommu: Adding device 0000:05:00.0 to group 12`.
_IN_A_GROUP: Final = re.compile(r"Adding to iommu group \d+|iommu: Adding device \S+ to group \d+")
_NO_IOMMU: Final = "vfio-noiommu"
"""vfio makes groups of its own where there is no IOMMU, and says so."""
_BEGINNING: Final = ("Linux version ", "Booting Linux on physical CPU")
_VENDOR: Final = re.compile(r"^Vendor ID:\s*(\S+)", re.M)
_ARCHITECTURE: Final = re.compile(r"^Architecture:\s*(\S+)", re.M)
_XEN: Final = re.compile(r"^Hypervisor vendor:\s*Xen", re.M)
AMD: Final = "AuthenticAMD"
INTEL: Final = "GenuineIntel"


class Architecture(enum.Enum):
    """Of a host's processors."""

    X86 = "x86"
    ARM = "ARM"
    POWER = "POWER"
    OTHER = "other"


_BY_NAME: Final = (
    (re.compile(r"x86_64|i[3-6]86"), Architecture.X86),
    (re.compile(r"aarch64|arm"), Architecture.ARM),
    (re.compile(r"ppc"), Architecture.POWER),
)
_BY_LOG: Final = (
    (re.compile(r"\bx86/|BIOS-e820|BIOS-provided|smpboot: CPU0:"), Architecture.X86),
    (
        re.compile(r"Booting Linux on physical CPU|\(aarch64-|aarch64|arm-smmu"),
        Architecture.ARM,
    ),
    (re.compile(r"\bppc64|PowerNV|pSeries|IOMMU table initialized"), Architecture.POWER),
)
_VENDOR_BY_LOG: Final = (
    (re.compile(r"smpboot: CPU0: Intel|\bDMAR: "), INTEL),
    (re.compile(r"smpboot: CPU0: AMD|\bAMD-Vi: "), AMD),
)


@dataclass(frozen=True, slots=True)
class Iommu:
    """*on* None: not known, and *found* says why."""

    on: bool | None
    found: str
    source: str


def iommu(host: Evidence) -> Iommu:
    """Return what sysfs says; where it was not collected, what the kernel said at its start."""
    listed, cpu = host.text(IOMMUS), host.text(LSCPU)
    names = listed.split() if isinstance(listed, str) else []
    if names:
        return Iommu(True, " ".join(names), shown(IOMMUS))
    if isinstance(cpu, str) and _XEN.search(cpu):
        return Iommu(None, "Xen keeps the IOMMU to itself: see `xl info`", shown(LSCPU))
    if isinstance(listed, str) and architecture(host) is not Architecture.POWER:
        return Iommu(False, "no IOMMU in use", shown(IOMMUS))
    return _by_log(host)


def _by_log(host: Evidence) -> Iommu:
    log, both = host.text(DMESG), f"{shown(IOMMUS)}, {shown(DMESG)}"
    if isinstance(log, Missing):
        return Iommu(None, log.why, both)
    line = _proof(log)
    if line is not None:
        return Iommu(True, line.partition("] ")[2] or line, shown(DMESG))
    if not begins_with_the_kernel(log):
        # An old message may have left the ring buffer.
        return Iommu(None, "the beginning of the log is gone", both)
    kind = architecture(host)
    if kind is None:
        why = "no line of an IOMMU that is on, and what processor it is is not known"
        return Iommu(None, why, both)
    if kind in (Architecture.X86, Architecture.ARM):
        return Iommu(False, "no line of an IOMMU that is on", shown(DMESG))
    return Iommu(None, f"what a kernel for {kind.value} says of it is not known", both)


def _proof(log: str) -> str | None:
    """Return the line that shows an IOMMU in use."""
    groups = _NO_IOMMU not in log
    return next(
        (
            line
            for line in log.splitlines()
            if _ON.search(line) or (groups and _IN_A_GROUP.search(line))
        ),
        None,
    )


def begins_with_the_kernel(log: str) -> bool:
    """Tell whether a log goes back to the start of the kernel."""
    return any(words in log for words in _BEGINNING)


def cpu_vendor(host: Evidence) -> str | None:
    """Return GenuineIntel, AuthenticAMD …; None: not known."""
    text = host.text(LSCPU)
    found = _VENDOR.search(text) if isinstance(text, str) else None
    if found:
        return found[1]
    log = host.text(DMESG)
    if isinstance(log, Missing):
        return None
    return next((vendor for said, vendor in _VENDOR_BY_LOG if said.search(log)), None)


def architecture(host: Evidence) -> Architecture | None:
    """Return what processors the host has; None: not known."""
    text = host.text(LSCPU)
    found = _ARCHITECTURE.search(text) if isinstance(text, str) else None
    if found:
        names = (kind for name, kind in _BY_NAME if name.match(found[1]))
        return next(names, Architecture.OTHER)
    if cpu_vendor(host) in (INTEL, AMD):
        return Architecture.X86
    log = host.text(DMESG)
    if isinstance(log, Missing):
        return None
    return next((kind for said, kind in _BY_LOG if said.search(log)), None)
