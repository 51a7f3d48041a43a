# SPDX-License-Identifier: Apache-2.0
"""VFs are given to guests through the IOMMU, which an Intel kernel leaves off unless asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import CMDLINE, shown
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

_OPTIONS: Final = ("intel_iommu=", "amd_iommu=", "iommu=")
_ON: Final = {"on", "force_enable"}


def _look(host: Evidence) -> Iterator[Seen]:
    def judge(text: str) -> Iterator[Seen]:
        said = [word for word in text.split() if word.startswith(_OPTIONS)]
        # The last one counts of an option that repeats; iommu=off ends it all, iommu=pt does not.
        values = dict(word.partition("=")[::2] for word in said)
        asked = [values.get(name, "").partition(",")[0] for name in ("intel_iommu", "amd_iommu")]
        holds = not _ON.isdisjoint(asked) and values.get("iommu") != "off"
        yield Seen(host.host, holds, " ".join(said) or "nothing of an IOMMU", shown(CMDLINE))

    return host.read(CMDLINE, judge)


# Source: kernel Documentation/admin-guide/kernel-parameters.txt, intel_iommu and amd_iommu.
RULE: Final = Rule(
    "iommu-asked",
    "the kernel is asked to use the IOMMU",
    "intel_iommu=on (AMD: amd_iommu=on)",
    "add it to the kernel parameters of the host's image, and restart the host",
    each_adapter_host(_look),
    rank=1,
)
