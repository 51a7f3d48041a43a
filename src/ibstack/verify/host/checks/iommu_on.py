# SPDX-License-Identifier: Apache-2.0
"""The article's `dmesg | grep -e DMAR -e IOMMU`: the IOMMU is on, so VFs can go to guests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.host.iommu import iommu
from ibstack.verify.site import each_vf_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence


def _look(host: Evidence) -> Iterator[Seen]:
    known = iommu(host)
    yield Seen(host.host, known.on, known.found, known.source)


RULE: Final = Rule(
    "iommu-on",
    "the IOMMU is on",
    "an IOMMU in /sys/class/iommu",
    "switch VT-d (AMD: IOMMU, SVM) on in the firmware setup of the host; Intel's wants"
    " intel_iommu=on for many kernels as well",
    each_vf_host(_look),
)
