# SPDX-License-Identifier: Apache-2.0
"""What one look at the fabric could not see, and what became of a difference since another."""

from __future__ import annotations

import enum
import time
from typing import TYPE_CHECKING

from ibstack.facts.fabric.sa_dump import NoGroups, SaDump
from ibstack.subnet_manager.opensm.group_audit import audit_groups, keys_reached
from ibstack.subnet_manager.opensm.multicast_groups import wanted_groups
from ibstack.subnet_manager.seam import Role
from ibstack.subnet_manager.settings import SETTLED_S

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.facts.fabric.sa_dump import Groups
    from ibstack.subnet_manager.policy.drift import Audit, Drift, Survey
    from ibstack.views.partitions import Fabric, Sources


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
    unread = [str(guid) for guid, port in survey.ends if port.table is None]
    if not unread:
        return survey.problems
    return (*survey.problems, f"the tables of these ports could not be read: {', '.join(unread)}")


def look_at_groups(sources: Sources, fabric: Fabric) -> tuple[Audit, NoGroups | None]:
    """Hold OpenSM's multicast groups against the file that it reads; say why where it cannot be."""
    wanted = wanted_groups(sources.published().statements)
    there: Groups | NoGroups
    if not wanted:
        there = {}  # OpenSM writes nothing down before there is a group.
    elif fabric.manager.role is not Role.MASTER:
        there = NoGroups("the subnet manager on this host is not the master")
    elif _age_s(sources.settings.partitions_conf) < SETTLED_S:
        there = NoGroups(f"the partitions file was written less than {SETTLED_S:g} s ago")
    else:
        there = SaDump(sources.settings.fabric.sa_dump).read()
    reached = keys_reached(fabric.survey)
    look = audit_groups(wanted.values(), there, reached, settled=lambda group: True)
    return look, there if wanted and isinstance(there, NoGroups) else None


def _age_s(path: Path) -> float:
    """Return how long ago a file was written; 0 where there is none."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def outcome(drift: Drift, again: Audit, survey: Survey) -> Became | None:
    """Return what became of *drift*, by the last look; None: that look could not tell."""
    if drift in again.found:
        return Became.FAILED if drift.repairable else Became.LEFT
    if again.unsure(drift):
        return None
    written = drift.repairable and drift.guid in survey.ports
    return Became.REPAIRED if written else Became.OVER
