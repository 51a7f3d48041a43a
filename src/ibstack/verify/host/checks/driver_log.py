# SPDX-License-Identifier: Apache-2.0
"""What the adapter's driver complains of in the kernel's log, where it concerns VFs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ibstack.formats.pci_ids import ETHERNET
from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import DMESG, Unread, shown
from ibstack.verify.host.iommu import begins_with_the_kernel
from ibstack.verify.host.pci_devices import functions, with_domain
from ibstack.verify.site import each_adapter_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

_NOT_ENABLED: Final = (
    "see that SR-IOV is on in the adapter's firmware and in the firmware setup of the host"
)
# drivers/infiniband/hw/mlx4/alias_GUID.c, drivers/pci/iov.c, drivers/net/ethernet/mellanox/mlx4,
# and of mlx5 there core/sriov.c: mlx5_sriov_enable(), mlx5_device_enable_sriov().
_COMPLAINTS: Final = {
    "was declined by SM": "give no two ports of the fabric one GUID: compare with `ibstack host"
    " show` of other hosts; OpenSM's log has ERR 5108",
    "not enough MMIO resources for SR-IOV": "switch `Above 4G decoding` and SR-IOV on in the"
    " firmware setup of the host",
    "Failed to enable SR-IOV": _NOT_ENABLED,
    "pci_enable_sriov failed": _NOT_ENABLED,
    "mlx5_device_enable_sriov failed": _NOT_ENABLED,
    "failed to enable eswitch SRIOV": _NOT_ENABLED,
    "failed to enable VF": _NOT_ENABLED,
    "failed to restore VF": "see what the kernel says before it: the VF may have lost its GUIDs",
}
_DRIVER: Final = re.compile(r"\bmlx[45]_\w+")
_ADDRESS: Final = re.compile(r"\b(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b")


def _look(host: Evidence) -> Iterator[Seen]:
    def judge(text: str) -> Iterator[Seen]:
        lines = text.splitlines()
        for complaint, remedy in _COMPLAINTS.items():
            ours = [(line, _is_ours(host, line)) for line in lines if complaint in line]
            certain = [line for line, is_ours in ours if is_ours]
            if certain:
                yield Seen(host.host, False, _bare(certain[-1]), shown(DMESG), remedy=remedy)
                return
            open_ones = [line for line, is_ours in ours if is_ours is None]
            if open_ones:
                why = f"{_bare(open_ones[-1])}: whether that is the adapter is not known"
                yield Seen(host.host, None, why, shown(DMESG))
                return
        if not text.strip():
            yield Seen(host.host, None, "the log is empty", shown(DMESG))
            return
        gone = "" if begins_with_the_kernel(text) else " in what is left of the log"
        yield Seen(host.host, True, f"no complaint{gone}", shown(DMESG))

    return host.read(DMESG, judge)


def _is_ours(host: Evidence, line: str) -> bool | None:
    """Tell whether a line is about an adapter that may serve; None: not known."""
    listed = functions(host)
    there = () if isinstance(listed, Unread) else listed[0]
    ours = {each.pci for each in there if each.class_code != ETHERNET}
    others = {each.pci for each in there if each.class_code == ETHERNET}
    named = {with_domain(found[0]) for found in _ADDRESS.finditer(line.lower())}
    if named & ours:
        return True
    if named & others:
        return False
    if _DRIVER.search(line):
        return True
    # Without lspci an address may be the adapter's, where no driver had it yet.
    is_open = bool(named) and not there and re.search(r"\bpci\b", line) is not None
    return None if is_open else False


def _bare(line: str) -> str:
    """Return a line without its time."""
    return line.partition("] ")[2] or line


RULE: Final = Rule(
    "driver-log",
    "the driver complains of no VF",
    "no complaint",
    "see what the kernel says before and after it",
    each_adapter_host(_look),
)
