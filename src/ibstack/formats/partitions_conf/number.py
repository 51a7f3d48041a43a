# SPDX-License-Identifier: Apache-2.0
"""Numbers as OpenSM reads them: strtoul and strtoull with base 0, of 64 bits.

Source: C's standard, 7.22.1.4; opensm/opensm/osm_prtn_config.c uses both for keys, GUIDs and flags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = re.compile(
    rb"[ \t\n\v\f\r]*(?P<sign>[+-]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|(?P<octal>0[0-7]*)"
    rb"|(?P<decimal>[1-9][0-9]*))"
)
_MOST: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Number:
    """What a text counts for."""

    value: int
    """0 to 2^64-1; 0 where the text does not begin with a number."""
    rest: bytes
    """What stands behind the number; all of the text where there is none."""
    found: bool = True
    octal: bool = False
    """It has a leading zero, as people write decimal numbers too."""


def number(text: bytes) -> Number:
    """Return the number at the beginning of *text*; too large a one is the largest."""
    found = _NUMBER.match(text)
    if found is None:
        return Number(0, text, found=False)
    rest = text[found.end() :]
    octal = found["octal"] or b""
    if found["hex"]:
        value = int(found["hex"], 16)
    elif octal:
        value = int(octal, 8)
    else:
        value = int(found["decimal"][:21])
    value = min(value, _MOST)
    if found["sign"] == b"-" and value != _MOST:
        value = -value & _MOST
    return Number(value, rest, octal=len(octal) > 1)
