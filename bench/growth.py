# SPDX-License-Identifier: Apache-2.0
"""How a time grows with the size of what is measured."""

from __future__ import annotations

import math
from statistics import linear_regression
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def power_of(points: Sequence[tuple[float, float]]) -> float:
    """Fit `time = a * size ** power` to (size, time) and return the power.

    1: in proportion; 2: as the square; below 1: something that does not grow is in it.
    """
    logs = [(math.log(size), math.log(took)) for size, took in points]
    return round(linear_regression(*zip(*logs, strict=True)).slope, 2)
