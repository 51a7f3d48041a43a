# SPDX-License-Identifier: Apache-2.0
"""The listing of the objects of a mode or submode: properties, and what is counted or seen."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import (
    Effective,
    effective,
    effective_objects,
    effective_roles,
)
from ibstack.cluster.model.role_services import role_of_service
from ibstack.cluster.model.value import Blob
from ibstack.cluster.shell.states import bracketed
from ibstack.cluster.shell.tables import Column, Listing, snake_case
from ibstack.cluster.shell.values import Shown, is_name, without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.kind import Kind, Property
    from ibstack.cluster.model.state import View
    from ibstack.cluster.shell.context import OnHosts
    from ibstack.cluster.shell.tables import Cell

    Filler = Callable[[Entity], tuple[Cell, str | None]]
    """Returns a cell, and how a table shows it where that is not how it is spelled."""

_SEEN: Final = {"status": "Status", "nodes": "Nodes", "belongstorole": "Belongs to role"}
_SOURCE: Final = "_source"


def columns_of(kind: Kind) -> dict[str, Column]:
    """Return all columns that `list -f` may ask for, by name."""
    found = {each.name: _column(each) for each in kind.properties}
    for name, label in _SEEN.items():
        if name not in found and _has(kind, name):
            found[name] = Column(name, label)
    sources = [each for each in kind.properties if each.inherits or each.protects]
    for each in sources:
        name = f"{each.name}{_SOURCE}"
        found[name] = Column(name, f"{each.label} source")
    return found


def default_columns(kind: Kind) -> tuple[Column, ...]:
    """Return the columns that `list` shows: the type, the name, and the rest."""
    known = columns_of(kind)
    names = [name for name in kind.columns if name in known]
    at = 1 if names[:1] == ["type"] else 0
    names.insert(at, _key(kind).name)
    return tuple(known[name] for name in names)


def listing(
    shell: OnHosts, entities: Sequence[Entity], columns: Sequence[Column], *, device: str = ""
) -> Listing:
    """Return what is in *columns* of the objects, which are of one kind.

    *device*: that they are listed for, though some may be its category's.
    """
    if not entities:
        return Listing(tuple(columns), ())
    kind = KINDS[entities[0].path.kind]
    fillers = [(each.name, _filler(shell, kind, each.name, entities, device)) for each in columns]
    rows: list[Mapping[str, Cell]] = []
    texts: list[Mapping[str, str]] = []
    for entity in entities:
        row: dict[str, Cell] = {}
        text: dict[str, str] = {}
        for name, fill in fillers:
            row[name], shown = fill(entity)
            if shown is not None:
                text[name] = shown
        rows.append(row)
        texts.append(text)
    return Listing(tuple(columns), tuple(rows), tuple(texts))


def with_sources(kind: Kind, columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns for JSON: after a value that may be inherited, where it is from."""
    known = columns_of(kind)
    found = []
    for each in columns:
        found.append(each)
        source = known.get(f"{each.name}{_SOURCE}")
        if source is not None and source not in columns:
            found.append(source)
    return tuple(found)


def inherited(view: View, device: str, kind: Kind) -> list[tuple[str, str, int]]:
    """Return (name, source, priority) of what the device has of *kind*, its category's too."""
    if kind.name == "roles":
        roles = effective_roles(view, device).values()
        return [(each.name, each.source, each.priority) for each in roles]
    found = effective_objects(view, device, kind.name).items()
    return [(name, source, 250 if source else 750) for name, (_, source) in found]


def _column(prop: Property) -> Column:
    if is_name(prop):
        return Column(prop.name, f"{prop.label} (key)", key=snake_case(prop.label))
    return Column(prop.name, prop.label)


def _key(kind: Kind) -> Property:
    return next(each for each in kind.properties if is_name(each))


def _has(kind: Kind, name: str) -> bool:
    return name in kind.columns or (name == "nodes" and kind.name == "category")


def _filler(
    shell: OnHosts, kind: Kind, name: str, entities: Sequence[Entity], device: str
) -> Filler:
    view = shell.draft
    if name == "status":
        states = _states(shell, [each.name for each in entities])
        return lambda entity: (states.get(entity.name), bracketed(states.get(entity.name)))
    if name == "belongstorole":
        return lambda entity: (role_of_service(view, entity.path, device), None)
    if name == "nodes" and kind.find(name) is None:
        counts = _node_counts(view, kind.name)
        return lambda entity: (counts[entity.name], None)
    prop = kind.find(name.removesuffix(_SOURCE))
    assert prop is not None, "columns are of properties"
    if name.endswith(_SOURCE):
        return lambda entity: _source(view, entity, prop)
    return _property_filler(view, prop)


def _property_filler(view: View, prop: Property) -> Filler:
    if prop.fixed:
        if prop.name == "type":
            return lambda entity: (entity.type, None)
        return lambda entity: (entity.name, None)
    counts = _inherited_value if prop.inherits or prop.protects else _own_value

    def fill(entity: Entity) -> tuple[Cell, str | None]:
        if prop.types and entity.type not in prop.types:
            return None, ""
        return counts(view, entity, prop)

    return fill


def _inherited_value(view: View, entity: Entity, prop: Property) -> tuple[Cell, str | None]:
    found = Shown(prop, effective(view, entity.path, prop.name))
    return without_secrets(found.effective.value), found.in_a_row


def _own_value(view: View, entity: Entity, prop: Property) -> tuple[Cell, str | None]:
    value = entity.values.get(prop.name)
    if value is None:
        value = prop.default_for(entity.name)
    if isinstance(prop.type, Blob):
        return value, Shown(prop, Effective(value)).in_a_row
    value = without_secrets(value)
    return value, prop.type.show(value)


def _source(view: View, entity: Entity, prop: Property) -> tuple[Cell, str | None]:
    if prop.types and entity.type not in prop.types:
        return None, ""
    source = effective(view, entity.path, prop.name).source
    return source or None, source


def _states(shell: OnHosts, names: Sequence[str]) -> dict[str, str]:
    if not shell.hosts.reached:
        return {}
    return {name: each.state for name, each in shell.hosts.backend.status(names).items()}


def _node_counts(view: View, kind: str) -> Counter[str]:
    """Return how many devices have each object of *kind*: a category, or a software image."""
    prop = "softwareimage" if kind == "softwareimage" else "category"
    counts: Counter[str] = Counter()
    images: dict[str, str] = {}
    for device in view.children(None, ("device",)):
        own = device.text(prop)
        category = device.text("category")
        if not own and prop == "softwareimage" and category:
            if category not in images:
                at = EntityPath.of("category", category)
                found = view.get(at)
                images[category] = found.text(prop) if found else ""
            own = images[category]
        counts[own] += 1
    return counts
