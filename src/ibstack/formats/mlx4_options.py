# SPDX-License-Identifier: Apache-2.0
"""Values of mlx4_core's options: one for all adapters, or for each by its PCI address.

Sources: kernel drivers/net/ethernet/mellanox/mlx4/main.c (num_vfs and probe_vf: one number, or
those of port 1, of port 2 and of both; port_type_array: 1 InfiniBand, 2 Ethernet); the manual of
MLNX_OFED 4.9, "Configuring SR-IOV for ConnectX-3": `num_vfs=00:04.0-5,00:05.0-1;2;3`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

INFINIBAND: Final = 1
_NUMBER: Final = re.compile(r"0x[0-9a-f]+|\d+", re.I)
_ADDRESSED: Final = re.compile(
    r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])-(\w+(?:;\w+)*)", re.I
)


@dataclass(frozen=True, slots=True)
class ByAdapter:
    """The numbers of an option."""

    common: tuple[int, ...] | None = None
    """Of every adapter; None: it names adapters."""
    addressed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By PCI address with its domain."""

    def of(self, pci: str) -> tuple[int, ...] | None:
        """Return an adapter's numbers; None: the option is not about it."""
        return self.addressed.get(pci) if self.common is None else self.common


def parse(value: str) -> ByAdapter | None:
    """Return what *value* says; None: it is written as neither form has it."""
    parts = [part.strip() for part in value.split(",")]
    if all(_NUMBER.fullmatch(part) for part in parts):
        return ByAdapter(tuple(_number(part) for part in parts))
    found: dict[str, tuple[int, ...]] = {}
    for part in parts:
        named = _ADDRESSED.fullmatch(part)
        numbers = named[3].split(";") if named else []
        if named is None or not all(_NUMBER.fullmatch(number) for number in numbers):
            return None
        pci = f"{named[1] or '0000'}:{named[2]}".lower()
        found[pci] = tuple(_number(number) for number in numbers)
    return ByAdapter(None, found)


def _number(text: str) -> int:
    """Read a number as the kernel does: 0x is hexadecimal, a leading zero octal where it can be."""
    if text.lower().startswith("0x"):
        return int(text, 16)
    return int(text, 8 if re.fullmatch(r"0[0-7]+", text) else 10)
