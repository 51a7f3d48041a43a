# SPDX-License-Identifier: Apache-2.0
"""The order in which people count: node2 before node10."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = re.compile(r"([0-9]+)")


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Return what to sort *name* by: its runs of digits count as numbers."""
    parts = _DIGITS.split(name)
    # Digits stand at the odd places; a number comes before a letter.
    return tuple((int(part), part) if place % 2 else (-1, part) for place, part in enumerate(parts))
