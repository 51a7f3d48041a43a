# SPDX-License-Identifier: Apache-2.0
"""The article's `flint -d … dc`: SR-IOV is on in the firmware, with VFs enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import Unread, shown
from ibstack.verify.host.configured_vfs import configured
from ibstack.verify.host.firmware import firmwares
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence
    from ibstack.verify.host.firmware import Firmware

_SOURCE: Final = "`flint -d DEVICE dc`, `mlxconfig -d DEVICE query`"


def _look(host: Evidence) -> Iterator[Seen]:
    found = list(firmwares(host))
    if not found:
        yield Seen(host.host, None, "it was not collected", _SOURCE)
    asked = configured(host, 1)
    wanted = 0 if isinstance(asked, Unread) else asked.count
    for each in found:
        yield _judged(host, each, wanted)


def _judged(host: Evidence, each: Firmware, wanted: int) -> Seen:
    place = shown(each.name)
    if each.sriov is None or each.vfs is None:
        return Seen(host.host, None, "it says nothing of SR-IOV and VFs", place)
    if not wanted:
        return Seen(host.host, True, "no VFs are asked for", place)
    holds = each.sriov and each.vfs >= wanted
    said = f"sriov_en {str(each.sriov).lower()}, {each.vfs} VFs"
    return Seen(host.host, holds, said, place, wanted=f"sriov_en true, at least {wanted} VFs")


RULE: Final = Rule(
    "sriov-firmware",
    "SR-IOV is on in the adapter's firmware",
    "sriov_en true and as many VFs as the driver is to make",
    "`mlxconfig -d DEVICE set SRIOV_EN=1 NUM_OF_VFS=N` (ConnectX-3: burn firmware with sriov_en and"
    " total_vfs in its [HCA] section), then restart the host",
    each_adapter_host(_look),
    rank=2,
)
