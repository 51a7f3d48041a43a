# SPDX-License-Identifier: Apache-2.0
"""A cluster's state as a whole: written to a file, made what a file says, taken back, and its past.

A commit does not reach the hosts by itself: ibstack.views.cluster.follow() has them follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ibstack.cluster.config.checks import problems_of
from ibstack.cluster.shell.differences import differences
from ibstack.cluster.text_file import reading, schema, writing
from ibstack.cluster.text_file.plan import changes_to, plan
from ibstack.views.cluster import host_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.state import Change, State
    from ibstack.cluster.text_file.reading import ClusterFile
    from ibstack.views.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Planned:
    """What a file says that the cluster is not."""

    present: State
    changes: Sequence[Change]
    """Empty: the cluster is as the file says."""
    warnings: tuple[str, ...]
    """What is odd in the objects that change, though it may be committed."""

    @property
    def lines(self) -> list[str]:
        """The changes in words."""
        return differences(self.changes)


@dataclass(frozen=True, slots=True)
class Committed:
    """The state before a commit and after it."""

    before: State
    after: State
    lines: list[str]
    """What was changed, in words."""


@dataclass(frozen=True, slots=True)
class CommitRow:
    """One commit of the past."""

    number: int
    author: str
    time: str
    """In UTC: 2026-03-02T12:00:00Z."""
    objects: tuple[str, ...]
    """What it changed, the objects that others are parts of."""


def exported(cluster: Cluster, *, secrets: bool) -> str:
    """Return the whole cluster as a file; without *secrets* they are ***."""
    return writing.export(cluster.store.load(), secrets=secrets)


def file_schema() -> dict[str, Any]:
    """Return the JSON Schema of the file."""
    return schema.schema()


def read_file(text: str, name: str) -> ClusterFile:
    """Return what the file of that *name* says; BadFile, with all faults, where it cannot be."""
    return reading.read(text, name)


def planned(cluster: Cluster, file: ClusterFile) -> Planned:
    """Return what differs from what read_file() returned; BadFile where that must not be."""
    present = cluster.store.load()
    changes = plan(present, file)
    found = problems_of(file.state, (change.path for change in changes))
    return Planned(present, changes, tuple(str(each) for each in found if not each.is_error))


def changes_on_hosts(cluster: Cluster, plan: Planned) -> Sequence[str]:
    """Return what committing *plan* would do to hosts, a line for each thing."""
    return host_lines(cluster, plan.present, plan.changes)


def commit(cluster: Cluster, plan: Planned, author: str) -> Committed:
    """Commit what was planned; Conflict where somebody was faster."""
    after = cluster.store.commit(plan.changes, base=plan.present, author=author)
    return Committed(plan.present, after, plan.lines)


def undo(cluster: Cluster, number: int, author: str) -> Committed:
    """Take the commit *number* back by a new one; Conflict where later ones need it."""
    before = cluster.store.load()
    after = cluster.store.undo(number, author=author, known=before)
    return Committed(before, after, differences(changes_to(before, after)))


def history(cluster: Cluster, limit: int) -> list[CommitRow]:
    """Return the last *limit* commits, the newest first."""
    return [
        CommitRow(
            each.number,
            each.author,
            f"{each.at:%Y-%m-%dT%H:%M:%SZ}",
            tuple(dict.fromkeys(str(change.path.top) for change in each.changes)),
        )
        for each in cluster.store.history(max(limit, 0))
    ]
