# SPDX-License-Identifier: Apache-2.0
"""Ranges of segments and keys, as people write them: 1:10."""

from __future__ import annotations

import re
from typing import Final

from ibstack.fabric.errors import BadValue

_RANGE: Final = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")


def parse_range(text: str, low: int, high: int) -> range:
    """Read `first:last`, both included and within *low* to *high*; BadValue for anything else."""
    found = _RANGE.fullmatch(text)
    if found is None:
        raise BadValue("range", text, "expected first:last, as 1:10")
    first, last = int(found[1]), int(found[2])
    if first > last:
        raise BadValue("range", text, "the first is after the last")
    if first < low or last > high:
        raise BadValue("range", text, f"expected numbers from {low} to {high}")
    return range(first, last + 1)


def range_fault(text: str, low: int, high: int) -> str:
    """Return what is wrong with the range; empty: nothing."""
    try:
        parse_range(text, low, high)
    except BadValue as error:
        return str(error)
    return ""
