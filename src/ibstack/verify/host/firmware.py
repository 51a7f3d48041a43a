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
_VALUE: Final = re.compile(r"(?:.*\s)?(\w+)(?:\((\d+)\))?$")


@dataclass(frozen=True, slots=True)
class Firmware:
    """One adapter's; None: not shown."""

    name: str
    """Of the text it was read from."""
    sriov: bool | None
    vfs: int | None
    link: str | None = None
    """IB or ETH, of port 1; ConnectX-3 does not say it here."""


def firmwares(host: Evidence) -> Iterator[Firmware]:
    """Yield each adapter whose configuration was collected."""
    for name, text in host.matching("commands/*flint*_dc").items():
        keys = dict(_FLINT.findall(text))
        yield Firmware(name, _flag(keys.get("sriov_en")), _number(keys.get("total_vfs")))
    for pattern in ("commands/mlxconfig*", "commands/mstconfig*"):
        for name, text in host.matching(pattern).items():
            # With several columns (default, current, next boot) the last one counts.
            keys = {key: _VALUE.sub(r"\1", value) for key, value in _CONFIG.findall(text)}
            yield Firmware(
                name,
                _flag(keys.get("SRIOV_EN")),
                _number(keys.get("NUM_OF_VFS")),
                keys.get("LINK_TYPE_P1"),
            )


def _flag(text: str | None) -> bool | None:
    return {"true": True, "false": False, "1": True, "0": False}.get((text or "").lower())


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
