# SPDX-License-Identifier: Apache-2.0
"""Changes in words: which objects come and go, and which properties get which values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.shell.values import without_secrets
from ibstack.cluster.store.commit import altered
from ibstack.formats.secrets import hidden_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.kind import Property
    from ibstack.cluster.model.state import Change
    from ibstack.cluster.model.value import Value


def differences(changes: Iterable[Change]) -> list[str]:
    """Return lines: `+` and `-` before objects that come and go, and properties below objects."""
    listed = list(changes)
    gone = {change.path for change in listed if change.after is None}
    return [
        line
        for change in listed
        if change.after is not None or change.path.parent not in gone
        for line in _lines(change)
    ]


def as_objects(changes: Iterable[Change]) -> list[dict[str, object]]:
    """Return the same for programs: each object that is added, removed or changed, and how."""
    return [
        {
            "object": str(change.path),
            "change": _what(change),
            "properties": [
                {
                    "property": prop.name,
                    "before": _value(change.before, prop),
                    "after": _value(change.after, prop),
                }
                for prop in KINDS[change.path.kind].properties
                if prop.name in _names(change)
            ],
        }
        for change in changes
    ]


def _value(side: Entity | None, prop: Property) -> Value | None:
    value = None if side is None else side.values.get(prop.name)
    return None if value is None else without_secrets(value)


def _what(change: Change) -> str:
    if change.after is None:
        return "removed"
    return "changed" if altered(change.before, change.after) is not None else "added"


def _names(change: Change) -> frozenset[str]:
    """Return the properties that are set on either side, and are not the same on both."""
    known = altered(change.before, change.after)
    if known is not None:
        return known
    sides = (side.values.keys() for side in (change.before, change.after) if side)
    return frozenset().union(*sides)


def _lines(change: Change) -> Iterator[str]:
    if change.after is None:
        yield f"- {change.path}"
        return
    names = altered(change.before, change.after)
    yield f"{'+' if names is None else ' '} {change.path}"
    before = change.before.values if change.before and names is not None else {}
    after = change.after.values
    for prop in KINDS[change.path.kind].properties:
        if prop.name in (after if names is None else names):
            yield from _property_lines(prop, before.get(prop.name), after.get(prop.name))


def _property_lines(prop: Property, before: Value | None, after: Value | None) -> Iterator[str]:
    if prop.type.many:
        yield f"    {prop.name}:"
        old, new = _words(before), _words(after)
        yield from (f"      - {hidden_item(word)}" for word in old if word not in new)
        yield from (f"      + {hidden_item(word)}" for word in new if word not in old)
    elif before is None:
        yield f"    {prop.name}: {_shown(prop, after)}"
    else:
        yield f"    {prop.name}: {_shown(prop, before)} -> {_shown(prop, after)}"


def _words(value: Value | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _shown(prop: Property, value: Value | None) -> str:
    if value is None:
        return "unset"
    text = hidden_item(prop.type.show(value))
    if not text.isprintable():
        return f"<{len(text.encode('utf-8', 'surrogatepass'))} bytes>"
    return text or '""'
