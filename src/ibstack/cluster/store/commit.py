# SPDX-License-Identifier: Apache-2.0
"""A commit: who changed what, and when; and what a change comes to, property by property."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.state import Change
    from ibstack.cluster.model.value import Value

_LONGEST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as history tells it."""

    number: int
    """1, 2, 3 …, without gaps."""
    author: str
    at: datetime
    """In UTC."""
    changes: tuple[Change, ...]
    """In the order of their paths."""

    def __str__(self) -> str:
        return f"commit {self.number} by {self.author} at {self.at:%Y-%m-%d %H:%M:%S} UTC"


def altered(before: Entity | None, after: Entity | None) -> frozenset[str] | None:
    """Return the names of the properties that differ; None: it is not the same object.

    That is one which was added, removed, or made anew as another type.  Unset is a value.
    """
    if before is None or after is None or before.type != after.type:
        return None
    names = before.values.keys() | after.values.keys()
    return frozenset(n for n in names if not _same(before.values.get(n), after.values.get(n)))


def _same(one: Value | None, other: Value | None) -> bool:
    # True is 1 to Python; a property that turns from one into the other has changed.
    return one == other and type(one) is type(other)


def same_object(one: Entity | None, other: Entity | None) -> bool:
    """Tell whether two objects at one path are alike, or both are not there."""
    return altered(one, other) == frozenset() or (one is None and other is None)


def shown(values: Mapping[str, Value], name: str) -> str:
    """Return a property's value as one short line for a message; what is long, as its size."""
    value = values.get(name)
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    if len(text) > _LONGEST_SHOWN or not text.isprintable():
        return f"<{len(text.encode('utf-8', 'surrogatepass'))} bytes>"
    return text or '""'
