# SPDX-License-Identifier: Apache-2.0
"""The article's `dmesg | grep -e DMAR -e IOMMU`: the IOMMU is on, so VFs can go to guests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import DMESG, shown
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

# drivers/iommu/intel/iommu.c, at the end of intel_iommu_init(), and amd/init.c.  `IOMMU enabled` is
# what the kernel says when it reads intel_iommu=on, with or without VT-d: it proves nothing.
_ON: Final = re.compile(
    r"Virtualization Technology for Directed I/O"
    r"|AMD-Vi: (?:Found IOMMU|Interrupt remapping enabled|Virtual APIC enabled)"
)
_BEGINNING: Final = "Linux version "


def _look(host: Evidence) -> Iterator[Seen]:
    def judge(text: str) -> Iterator[Seen]:
        line = next((line for line in text.splitlines() if _ON.search(line)), None)
        if line is None and _BEGINNING not in text:
            # Known not to be true: an old message may have left the ring buffer.
            yield Seen(host.host, None, "the beginning of the log is gone", shown(DMESG))
            return
        said = line.partition("] ")[2] or line if line else "no line of an IOMMU that is on"
        yield Seen(host.host, line is not None, said, shown(DMESG))

    return host.read(DMESG, judge)


RULE: Final = Rule(
    "iommu-on",
    "the IOMMU is on",
    "the line `Virtualization Technology for Directed I/O` (AMD: `AMD-Vi: Found IOMMU`)",
    "switch VT-d (AMD: IOMMU) on in the firmware setup of the host, and intel_iommu=on for its"
    " kernel",
    each_adapter_host(_look),
)
