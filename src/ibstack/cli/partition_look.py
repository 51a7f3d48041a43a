# SPDX-License-Identifier: Apache-2.0
"""What one look at the fabric could not see, and what became of a difference since another."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibstack.subnet_manager.drift import Audit, Drift, Survey


class Became(enum.Enum):
    """What became of a difference after fabricd was told to repair."""

    REPAIRED = "repaired"
    FAILED = "failed"
    """Ours, and there still."""
    OVER = "over"
    """Not there any more, and not by what was written."""
    LEFT = "left"
    """Not ours to write."""


def overlooked(survey: Survey) -> tuple[str, ...]:
    """Return what a look could not see, a line each; empty: it saw all."""
    unread = [str(guid) for guid, port in survey.ports.items() if port.table is None]
    if not unread:
        return survey.problems
    return (*survey.problems, f"the tables of these ports could not be read: {', '.join(unread)}")


def outcome(drift: Drift, again: Audit, survey: Survey) -> Became | None:
    """Return what became of *drift*, by the last look; None: that look could not tell."""
    if drift in again.found:
        return Became.FAILED if drift.repairable else Became.LEFT
    if again.unsure(drift):
        return None
    written = drift.repairable and drift.guid in survey.ports
    return Became.REPAIRED if written else Became.OVER
