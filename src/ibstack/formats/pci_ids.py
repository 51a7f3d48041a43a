# SPDX-License-Identifier: Apache-2.0
"""Which of Mellanox' PCI devices is what: its driver, and whether it is a virtual function.

Sources: kernel drivers/net/ethernet/mellanox/mlx4/main.c, mlx4_pci_table, and mlx5/core/main.c,
mlx5_core_pci_table (MLX5_PCI_DEV_IS_VF), as of Linux 6.12; names as in pci.ids of 2023-04-11.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ibstack.fabric.adapter import AdapterKind

VENDOR: Final = 0x15B3
INFINIBAND: Final = 0x0207
"""The first two bytes of a function's class, here and below."""
ETHERNET: Final = 0x0200
NETWORK: Final = 0x0280
"""Either, or both: as ConnectX-3 has it."""
MLX4: Final = AdapterKind.MLX4.value
MLX5: Final = AdapterKind.MLX5.value


@dataclass(frozen=True, slots=True)
class Kind:
    """What a function is."""

    driver: str
    """mlx4 or mlx5."""
    virtual: bool


_MLX4_PHYSICAL: Final = (
    *(0x6340, 0x634A, 0x6354, 0x6732, 0x673C, 0x6368, 0x6750, 0x6372, 0x675A, 0x6764),
    *(0x6746, 0x676E, 0x1003, *range(0x1005, 0x1011)),
)
_MLX4_VIRTUAL: Final = (0x1002, 0x1004)
_MLX5_PHYSICAL: Final = (
    *(0x1011, 0x1013, 0x1015, 0x1017, 0x1019, 0x101B, 0x101D, 0x101F, 0x1021, 0x1023, 0x1025),
    *(0xA2D2, 0xA2D6, 0xA2DC, 0xA2DF),
)
_MLX5_VIRTUAL: Final = (0x1012, 0x1014, 0x1016, 0x1018, 0x101A, 0x101C, 0x101E, 0xA2D3)
KINDS: Final = {
    device: Kind(driver, virtual)
    for driver, virtual, devices in (
        (MLX4, False, _MLX4_PHYSICAL),
        (MLX4, True, _MLX4_VIRTUAL),
        (MLX5, False, _MLX5_PHYSICAL),
        (MLX5, True, _MLX5_VIRTUAL),
    )
    for device in devices
}
"""By device id.  One that is not here is not known, newer than this table perhaps."""

# The part in brackets of a name, of functions that are not virtual.
_NAMED: Final = {
    "ConnectX-3": 0x1003,
    "ConnectX-3 Pro": 0x1007,
    "Connect-IB": 0x1011,
    "ConnectX-4": 0x1013,
    "ConnectX-4 Lx": 0x1015,
    "ConnectX-5": 0x1017,
    "ConnectX-5 Ex": 0x1019,
    "ConnectX-6": 0x101B,
    "ConnectX-6 Dx": 0x101D,
    "ConnectX-6 Lx": 0x101F,
    "ConnectX-7": 0x1021,
}
_IN_BRACKETS: Final = re.compile(r"\[([^\]:]+)\]")
_VIRTUAL: Final = re.compile(r"Virtual Function|\bfamily VF\b", re.I)
# ConnectX to ConnectX-3 Pro; MT27600 and later numbers are mlx5's.
_MLX4_NAME: Final = re.compile(r"MT2[56]\d{3}|MT275\d\d|ConnectX-[23]\b")
_MLX5_NAME: Final = re.compile(
    r"MT27[6-9]\d\d|MT28\d{3}|MT4\d{4}|mlx5|ConnectX-\d|Connect-IB|BlueField"
)


def device_of(name: str) -> int | None:
    """Return the device id of an adapter by its name in pci.ids; None: not known."""
    found = _IN_BRACKETS.search(name)
    return _NAMED.get(found[1]) if found else None


def kind_of(name: str) -> Kind | None:
    """Return what a function is by its name in pci.ids; None: the name does not say."""
    if _MLX4_NAME.search(name):
        return Kind(MLX4, _VIRTUAL.search(name) is not None)
    if _MLX5_NAME.search(name):
        return Kind(MLX5, _VIRTUAL.search(name) is not None)
    return None
