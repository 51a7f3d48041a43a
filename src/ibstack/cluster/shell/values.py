# SPDX-License-Identifier: Apache-2.0
"""Values as the shell prints them: with where they come from, where that is not the object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ibstack.cluster.model.catalogue import KINDS, kinds_inside
from ibstack.cluster.model.inheritance import DEFAULT, effective, effective_values
from ibstack.cluster.model.value import Blob
from ibstack.cluster.shell.tables import snake_case
from ibstack.formats.secrets import hidden_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.inheritance import Effective
    from ibstack.cluster.model.kind import Property
    from ibstack.cluster.model.state import View
    from ibstack.cluster.model.value import Value
    from ibstack.cluster.shell.tables import Cell


@dataclass(frozen=True, slots=True)
class Shown:
    """The value of a property that counts, and how it is printed."""

    prop: Property
    effective: Effective

    @property
    def in_a_row(self) -> str:
        """The value as `show` and `list` print it."""
        if not isinstance(self.prop.type, Blob):
            value = without_secrets(self.effective.value)
            return replace(self.effective, value=value).shown(self.prop)
        size = f"<{len(str(self.effective.value).encode())} bytes>"
        inherited = self.effective.source not in ("", DEFAULT)
        return f"{size} ({self.effective.source})" if inherited else size

    @property
    def alone(self) -> list[str]:
        """The value as `get` prints it: a list has a line for each element."""
        value = self.effective.value
        if isinstance(value, tuple):
            return [*map(str, value)] or [""]
        return [self.effective.shown(self.prop)]

    @property
    def tells_source(self) -> bool:
        """Whether the value can come from elsewhere, so that JSON has a key for where from."""
        return self.prop.inherits or self.prop.protects


def without_secrets(value: Value) -> Value:
    """Return a value as all but `get` prints it: config file modifications may hold passwords."""
    if isinstance(value, tuple):
        return tuple(map(hidden_item, value))
    return hidden_item(value) if isinstance(value, str) else value


def is_name(prop: Property) -> bool:
    """Tell whether the property is the object's name."""
    return prop.fixed and prop.name != "type"


def shown(view: View, entity: Entity, prop: Property) -> Shown:
    """Return the property of the object as it counts."""
    return Shown(prop, effective(view, entity.path, prop.name))


def all_shown(view: View, entity: Entity) -> list[Shown]:
    """Return all properties of the object as they count, in the order of its kind."""
    values = effective_values(view, entity.path)
    kind = KINDS[entity.path.kind]
    return [Shown(each, values[each.name]) for each in kind.of_type(entity.type)]


def rows(view: View, entity: Entity) -> Iterator[tuple[str, str]]:
    """Yield what `show` prints of an object: properties, and how much is in its submodes."""
    for each in all_shown(view, entity):
        yield each.prop.label, each.in_a_row
    for submode in kinds_inside(entity.path.kind, entity.type):
        count = len(view.names(submode.name, entity.path))
        yield submode.plural, "<submode>" if submode.single else f"<{count} in submode>"


def as_object(view: View, entity: Entity) -> dict[str, Cell]:
    """Return what `show -f json` prints of an object; *_source: where a value comes from."""
    found: dict[str, Cell] = {}
    for each in all_shown(view, entity):
        key = snake_case(each.prop.label)
        found[key] = without_secrets(each.effective.value)
        if each.tells_source:
            found[f"{key}_source"] = each.effective.source or None
    for submode in kinds_inside(entity.path.kind, entity.type):
        if not submode.single:
            found[snake_case(submode.plural)] = tuple(view.names(submode.name, entity.path))
    return found
