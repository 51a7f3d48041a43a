# SPDX-License-Identifier: Apache-2.0
"""How many VFs a host is to have: mlx4_core's num_vfs, and what udev writes to sriov_numvfs.

Sources: MLNX_OFED's manual, num_vfs (one number for each adapter where any port is InfiniBand);
kernel Documentation/PCI/pci-iov-howto.rst, sriov_numvfs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.verify.evidence import Unread
from ibstack.verify.host.module_options import FOLDER, options

if TYPE_CHECKING:
    from ibstack.verify.evidence import Evidence

_RULES: Final = "etc/udev/rules.d"
_NUMBER: Final = re.compile(r'^[^#\n]*sriov_numvfs\}="(\d+)"', re.M)


@dataclass(frozen=True, slots=True)
class ConfiguredVfs:
    """A number, and the file that says so."""

    count: int
    place: str


def configured(host: Evidence, adapters: int) -> ConfiguredVfs | Unread:
    """Return how many VFs *adapters* physical functions are to have; 0 where nothing asks."""
    core = options(host, "mlx4_core")
    if isinstance(core, Unread):
        return core
    value, place = core.get("num_vfs", ("", ""))
    if value.isdigit():
        return ConfiguredVfs(int(value) * adapters, place)
    if value:
        return Unread(f"num_vfs={value} in {place} is not one number")
    for name, text in host.matching(f"{_RULES}/*.rules").items():
        numbers = [int(number) for number in _NUMBER.findall(text)]
        if numbers:
            return ConfiguredVfs(sum(numbers), f"/{name}")
    if _RULES not in host.folders:
        return Unread(f"/{_RULES} was not collected, and /{FOLDER} asks for none")
    return ConfiguredVfs(0, f"/{FOLDER}, /{_RULES}")
