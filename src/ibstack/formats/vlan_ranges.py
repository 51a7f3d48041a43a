# SPDX-License-Identifier: Apache-2.0
"""network_vlan_ranges: which segmentation ids of which physical networks Neutron gives out.

Source: neutron_lib/plugins/utils.py, parse_network_vlan_ranges(), which refuses all other entries:
Neutron does not start with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_VLAN: Final = 1
LAST_VLAN: Final = 4094


@dataclass(frozen=True, slots=True)
class VlanRange:
    """One entry: NAME or NAME:FIRST:LAST."""

    physical_network: str
    limits: tuple[int, int] | None
    """First and last, 1 to 4094; None: the entry names none, so all may be had."""


def parse_range(entry: str) -> VlanRange | None:
    """Read one entry; None for one with which Neutron does not start."""
    name, *numbers = entry.strip().split(":")
    if not name:
        return None
    if not numbers:
        return VlanRange(name, None)
    try:
        first, last = map(int, numbers)
    except ValueError:
        return None
    return VlanRange(name, (first, last)) if FIRST_VLAN <= first <= last <= LAST_VLAN else None
