# SPDX-License-Identifier: Apache-2.0
"""What a reconciler has done since its start, and how things stood after its last pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.subnet_manager.policy.drift import Drift
    from ibstack.subnet_manager.policy.table_room import Fill


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one fabricd has done since it started, and how things stand now."""

    role: str = "unknown"
    members: Mapping[str, int] = field(default_factory=dict)
    """How many are in_force, waiting and unfit."""
    drift: tuple[Drift, ...] | None = None
    """None: there was no audit since the subnet manager here became the master."""
    problems: int = 0
    publishes: int = 0
    reloads: int = 0
    repairs: int = 0
    audits: int = 0
    tables_read: int = 0
    ports: int | None = None
    """End ports that the last audit saw, of how many the table could not be read, and how many
    nodes did not answer, so that nothing is known of what is behind them; None: there was none."""
    unread: int | None = None
    unread_nodes: int | None = None
    knows_groups: bool = False
    """Whether the last audit knew OpenSM's multicast groups."""
    fullest: Fill | None = None
    """The table with the least room left; None: no port is in several partitions."""
