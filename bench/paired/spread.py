# SPDX-License-Identifier: Apache-2.0
"""The ratios of pairs that were measured in turn: their median, and how sure it is.  Pure."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_OUTSIDE: Final = 0.05
"""How likely the interval misses the true median, at most; of five pairs and fewer it is more."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some ratios, with the interval in which the true one is (95 %)."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Spread:
        """Return the spread of *ratios*; ValueError where there are none."""
        if not ratios:
            raise ValueError("cannot compare: no pair was measured")
        dropped = _dropped(len(ratios))
        inside = sorted(ratios)[dropped : len(ratios) - dropped]
        return cls(statistics.median(ratios), inside[0], inside[-1], len(ratios))

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f})"


def _dropped(count: int) -> int:
    """Return how many of *count* sorted values may be left out at each end.

    Whatever the distribution, each value is above its median with probability 1/2, so the values
    r and n + 1 - r enclose it but for twice the binomial tail up to r - 1 (the sign test).
    """
    tail, dropped = 0.0, 0
    while dropped < count // 2:
        tail += math.comb(count, dropped) / 2**count
        if 2 * tail > _OUTSIDE:
            break
        dropped += 1
    return max(dropped - 1, 0)
