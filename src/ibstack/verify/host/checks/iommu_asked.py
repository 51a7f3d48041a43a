# SPDX-License-Identifier: Apache-2.0
"""VFs are given to guests through the IOMMU, which a kernel's parameters can keep off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import CMDLINE, shown
from ibstack.verify.host.iommu import AMD, INTEL, cpu_vendor, iommu
from ibstack.verify.site import each_vf_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

_OPTIONS: Final = ("intel_iommu", "amd_iommu", "iommu")
_FOREIGN: Final = {INTEL: "amd_iommu", AMD: "intel_iommu"}
"""What a processor's kernel does not heed."""


def _look(host: Evidence) -> Iterator[Seen]:
    def judge(text: str) -> Iterator[Seen]:
        pairs = [word.partition("=") for word in text.split()]
        # The last one counts of an option that repeats.
        values = {name: value.split(",") for name, _, value in pairs if name in _OPTIONS}
        said = " ".join(f"{name}={','.join(value)}" for name, value in values.items())
        foreign = _FOREIGN.get(cpu_vendor(host) or "")
        off = [f"{name}=off" for name, v in values.items() if "off" in v and name != foreign]
        yield _judged(host, said, off, intel_on="on" in values.get("intel_iommu", ()))

    return host.read(CMDLINE, judge)


def _judged(host: Evidence, said: str, off: list[str], *, intel_on: bool) -> Seen:
    known, vendor = iommu(host), cpu_vendor(host)
    found = said or "nothing of an IOMMU"
    if known.on:
        return Seen(host.host, True, f"{found}; {known.found}", shown(CMDLINE))
    if off:
        remedy = f"take {', '.join(off)} out of {_WHERE}"
        return Seen(host.host, False, found, shown(CMDLINE), "", "no such word", remedy)
    if intel_on or vendor not in (INTEL, None):
        # AMD's and ARM's are on unless they are told not to be: where not, look at the firmware.
        return Seen(host.host, True, found, shown(CMDLINE))
    if known.on is None:
        why = f"{found}; whether this kernel uses an IOMMU of itself is not seen"
        return Seen(host.host, None, why, shown(CMDLINE))
    return Seen(host.host, False, f"{found}; {known.found}", shown(CMDLINE))


_WHERE: Final = "the kernel parameters of the host's image, and restart the host"
# Sources: kernel Documentation/admin-guide/kernel-parameters.txt; parse_amd_iommu_options() of
# drivers/iommu/amd/init.c, which knows no `on`; CONFIG_INTEL_IOMMU_DEFAULT_ON.
RULE: Final = Rule(
    "iommu-asked",
    "the kernel's parameters let it use the IOMMU",
    "no iommu=off, intel_iommu=off or amd_iommu=off; intel_iommu=on where Intel's is off without",
    f"add intel_iommu=on (AMD needs no word) to {_WHERE}",
    each_vf_host(_look),
    rank=1,
)
