# SPDX-License-Identifier: Apache-2.0
"""What the adapter's driver complains of in the kernel's log, where it concerns VFs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import DMESG, shown
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

# drivers/infiniband/hw/mlx4/alias_GUID.c, drivers/pci/iov.c, drivers/net/ethernet/mellanox/mlx4.
_COMPLAINTS: Final = {
    "was declined by SM": "give no two ports of the fabric one GUID: compare with `ibstack host"
    " show` of other hosts; OpenSM's log has ERR 5108",
    "not enough MMIO resources for SR-IOV": "switch `Above 4G decoding` and SR-IOV on in the"
    " firmware setup of the host",
    "Failed to enable SR-IOV": "see that SR-IOV is on in the adapter's firmware and in the firmware"
    " setup of the host",
}


def _look(host: Evidence) -> Iterator[Seen]:
    def judge(text: str) -> Iterator[Seen]:
        for complaint, remedy in _COMPLAINTS.items():
            lines = [line for line in text.splitlines() if complaint in line]
            if lines:
                said = lines[-1].partition("] ")[2] or lines[-1]
                yield Seen(host.host, False, said, shown(DMESG), remedy=remedy)
                return
        yield Seen(host.host, True, "no complaint", shown(DMESG))

    return host.read(DMESG, judge)


RULE: Final = Rule(
    "driver-log",
    "the driver complains of no VF",
    "no complaint",
    "see what the kernel says before and after it",
    each_adapter_host(_look),
)
