# SPDX-License-Identifier: Apache-2.0
"""What takes a commit back, property by property, after whatever was committed since.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.model.state import Change
from ibstack.cluster.store.commit import altered
from ibstack.cluster.store.conflict import Conflict, clashes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.state import State
    from ibstack.cluster.store.commit import Commit


def reversal(commit: Commit, head: State, later: Sequence[Commit]) -> tuple[Change, ...]:
    """Return the changes of *head* that take *commit* back; *later*: all commits after it.

    A property that no longer has the value that the commit gave it is a Conflict, as is an object
    that something of later needs.
    """
    wanted = [Change(change.path, change.after, change.before) for change in commit.changes]
    found = clashes(wanted, later, by_property=True)
    if found:
        raise Conflict(f"undo commit {commit.number}", found, "undo or change these first")
    return tuple(_on(head, change) for change in wanted)


def _on(head: State, change: Change) -> Change:
    """Return the change with what later commits made of the object's other properties."""
    present = head.get(change.path)
    names = altered(change.before, change.after)
    if names is None or present is None or change.after is None:
        return Change(change.path, present, change.after)
    return Change(change.path, present, _with(present, names, change.after))


def _with(present: Entity, names: frozenset[str], after: Entity) -> Entity:
    """Return *present* with those properties as *after* has them."""
    for name in names:
        value = after.values.get(name)
        present = present.without_value(name) if value is None else present.with_value(name, value)
    return present
