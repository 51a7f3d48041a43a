# SPDX-License-Identifier: Apache-2.0
"""What is odd in a partitions file, and what OpenSM makes of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Effect(enum.Enum):
    """What OpenSM makes of an odd spelling."""

    AS_MEANT = "as meant"
    """The same as of the plain one."""
    OTHERWISE = "otherwise"
    """Something else than stands there: it guesses, drops or overrides."""
    NOT_KNOWN = "not known"
    """What it had in its memory before, or its end: the file alone does not tell."""
    REFUSED = "refused"
    """It stops reading, forgets the file, and makes every port a full member of 0x7fff."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One odd thing."""

    line: int
    """Of the file, from 1."""
    what: str
    effect: Effect
