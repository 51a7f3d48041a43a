# SPDX-License-Identifier: Apache-2.0
"""What `lspci` lists of adapters, with or without -D, -nn and -k.

Source: lspci(8) of pciutils 3.9: `[DOMAIN:]BUS:DEVICE.FUNCTION CLASS: VENDOR DEVICE`, and below it,
indented, what -k and -v add.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.verify.evidence import LSPCI, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

_DEVICE: Final = re.compile(r"((?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) (.*)")
_VENDOR: Final = "Mellanox"
_VIRTUAL: Final = "Virtual Function"


@dataclass(frozen=True, slots=True)
class Function:
    """One function of an adapter."""

    pci: str
    """As listed: 05:00.1, or 0000:05:00.1."""
    virtual: bool


def functions(host: Evidence) -> tuple[tuple[Function, ...], str] | Unread:
    """Return the functions of all adapters, and the name of the text."""
    for name, text in host.matching("commands/lspci*").items():
        return tuple(_functions(text)), name
    unread = host.text(LSPCI)
    return unread if isinstance(unread, Unread) else Unread("it was not collected")


def _functions(text: str) -> Iterator[Function]:
    for line in text.splitlines():
        device = _DEVICE.match(line)
        if device and _VENDOR in device[2]:
            yield Function(device[1], _VIRTUAL in device[2])
