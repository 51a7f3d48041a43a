# SPDX-License-Identifier: Apache-2.0
"""A line of the table: one thing measured, on one side or on both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Figure:
    """What one side needed.  Of ports: how many of *n*, with no worst."""

    median: float
    worst: float | None = None
    n: int | None = None
    """How often it was measured; None: once."""
    lost: int = 0
    """Of *n*: those that never came to their end, and are in neither median nor worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing measured; *limit* is what design asks of ibstack's median."""

    what: str
    unit: str
    """ms, s, MiB, %, times (a ratio), or ports."""
    ibstack: Figure
    peer: Figure | None = None
    """networking-mlnx; None: it has no such thing, or was not measured."""
    limit: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times ibstack's median goes into the peer's; None where that says nothing."""
        if self.peer is None or not self.ibstack.median:
            return None
        return self.peer.median / self.ibstack.median

    @property
    def missed(self) -> bool:
        return self.limit is not None and self.ibstack.median > self.limit

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Row:
        """Make a row of what a part printed; TypeError where a key is wrong."""
        figures = {
            side: Figure(**said[side]) for side in ("ibstack", "peer") if said.get(side) is not None
        }
        return cls(**{**said, **figures})
