# SPDX-License-Identifier: Apache-2.0
"""What the firmware is configured for: `flint dc` of ConnectX-3, `mlxconfig query` of later ones.

Source: the article's output of `flint -d … dc` (an ini file with `//` comments); mlxconfig's and
mstconfig's `Configurations:` table, whose values are as in `True(1)`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

_FLINT: Final = re.compile(r"^\s*(sriov_en|total_vfs)\s*=\s*(\w+)", re.M)
_CONFIG: Final = re.compile(r"^\s*\*?\s*(SRIOV_EN|NUM_OF_VFS|LINK_TYPE_P1)\s+(.*\S)", re.M)
_PCI: Final = re.compile(r"(?<![0-9a-f:])([0-9a-f]{4}:)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])")
_VALUE: Final = re.compile(r"(?:.*\s)?(\w+)(?:\((\d+)\))?$")


@dataclass(frozen=True, slots=True)
class Firmware:
    """One adapter's; None: not shown."""

    name: str
    """Of the text it was read from."""
    pci: str | None
    """Which adapter's; None: its name does not say."""
    sriov: bool | None
    vfs: int | None
    link: str | None = None
    """IB or ETH, of port 1; ConnectX-3 does not say it here."""


def firmwares(host: Evidence) -> Iterator[Firmware]:
    """Yield each adapter whose configuration was collected.

    An ini file that says nothing of VFs beside an mlxconfig of the adapter is left out: from
    ConnectX-4 on they are no part of it.
    """
    later = list(_configured(host))
    said = {each.pci for each in later}
    for name, text in host.matching("commands/*flint*_dc").items():
        keys = dict(_FLINT.findall(text))
        pci = _address(name)
        if keys or not (pci in said or (later and None in {pci, *said})):
            yield Firmware(name, pci, _flag(keys.get("sriov_en")), _number(keys.get("total_vfs")))
    yield from later


def _configured(host: Evidence) -> Iterator[Firmware]:
    for pattern in ("commands/mlxconfig*", "commands/mstconfig*"):
        for name, text in host.matching(pattern).items():
            # With several columns (default, current, next boot) the last one counts.
            keys = {key: _VALUE.sub(r"\1", value) for key, value in _CONFIG.findall(text)}
            yield Firmware(
                name,
                _address(name),
                _flag(keys.get("SRIOV_EN")),
                _number(keys.get("NUM_OF_VFS")),
                keys.get("LINK_TYPE_P1"),
            )


def _address(name: str) -> str | None:
    found = _PCI.search(name)
    return f"{found[1] or '0000:'}{found[2]}" if found else None


def _flag(text: str | None) -> bool | None:
    return {"true": True, "false": False, "1": True, "0": False}.get((text or "").lower())


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
