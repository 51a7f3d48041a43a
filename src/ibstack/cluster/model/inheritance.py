# SPDX-License-Identifier: Apache-2.0
"""What counts for an object, and where it comes from: the object itself, its category, its
software image, partition base, or the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.base_partition import BASE_PARTITION
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.modifications import parse
from ibstack.cluster.model.naming import the_object, the_property
from ibstack.cluster.model.natural_order import natural_key
from ibstack.fabric.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.kind import Property
    from ibstack.cluster.model.state import View
    from ibstack.cluster.model.value import Value

Levels = tuple[tuple[str, "Entity"], ...]
"""(source, object): whose values count for an object, the nearest first."""

OWN: Final = ""
DEFAULT: Final = "default"
NODE_PRIORITY: Final = 750
CATEGORY_PRIORITY: Final = 250

_MODIFICATIONS: Final = "configfilemodifications"
BASE_SOURCE: Final = f"{BASE_PARTITION.kind}:{BASE_PARTITION.name}"


@dataclass(frozen=True, slots=True)
class Effective:
    """The value that counts, and where it is set."""

    value: Value
    source: str = OWN
    """OWN, "category:NAME", "softwareimage:NAME", "partition:base", DEFAULT; of modifications that
    a role adds to those of its category, "category:NAME and own"."""

    def shown(self, property_: Property) -> str:
        """Return it as `get` prints it: with its source in parentheses, unless it is set here.

        A default is named as such only where another level could have set it.
        """
        text = property_.type.show(self.value)
        if self.source == OWN or (self.source == DEFAULT and not property_.inherits):
            return text
        return f"{text} ({self.source})" if text else text


@dataclass(frozen=True, slots=True)
class EffectiveRole:
    """A role that a device has."""

    name: str
    values: Mapping[str, Effective]
    """Of all its properties, by name."""
    source: str
    """OWN: it is assigned to the device itself; else "category:NAME"."""
    priority: int
    adds_to: str = ""
    """Its role adds its keys to that of this category ("category:NAME"); empty: it overrides."""
    modifications: tuple[tuple[str, str], ...] = ()
    """(source, item): its config file modifications, each with where it comes from."""


@dataclass(frozen=True, slots=True)
class EffectiveService:
    """A service that a device runs."""

    name: str
    values: Mapping[str, Effective]
    """Of all its properties, by name."""
    source: str


def source_of(path: EntityPath) -> str:
    """Return what an object of the top level is called as a source: "category:default"."""
    return f"{path.kind}:{path.name}"


def levels(view: View, path: EntityPath) -> Levels:
    """Return the object and those that it inherits from: category, software image, base."""
    entity = the_object(view, path, "read")
    if path.kind == "roles":
        return _of_role(view, entity)
    if KINDS[path.kind].kept_when_set:
        return _with_categorys(view, entity)
    if path.kind not in ("device", "category") or path.parent is not None:
        return ((OWN, entity),)
    found = [entity]
    category = _referred(view, "category", (entity,)) if path.kind == "device" else None
    if category is not None:
        found.append(category)
    found += filter(None, (_referred(view, "softwareimage", found), view.get(BASE_PARTITION)))
    return ((OWN, entity), *((source_of(each.path), each) for each in found[1:]))


def effective(view: View, path: EntityPath, prop: str) -> Effective:
    """Return the value that counts of the object's property; BadInput where there is none such."""
    entity = the_object(view, path, f"get {prop} of")
    property_ = the_property(entity, prop, f"get {prop} of")
    return _effective(view, entity, levels(view, path), property_)


def effective_values(view: View, path: EntityPath) -> dict[str, Effective]:
    """Return the values that count of all properties that the object has, in their order."""
    entity = the_object(view, path, "show")
    above = levels(view, path)
    properties = KINDS[path.kind].of_type(entity.type)
    return {each.name: _effective(view, entity, above, each) for each in properties}


def effective_roles(view: View, device: str) -> dict[str, EffectiveRole]:
    """Return the device's roles by name: its own over its category's, whole, unless it adds."""
    own, inherited, source = _two_levels(view, device, "roles")
    return {
        name: _role(view, own.get(name), inherited.get(name), source)
        for name in sorted({**own, **inherited}, key=natural_key)
    }


def effective_services(view: View, device: str) -> dict[str, EffectiveService]:
    """Return the device's services by name: its own over its category's of the same name."""
    found = effective_objects(view, device, "services")
    return {
        name: EffectiveService(name, _values(((source, each),)), source)
        for name, (each, source) in found.items()
    }


def effective_objects(view: View, device: str, kind: str) -> dict[str, tuple[Entity, str]]:
    """Return (object, source) by name: the device's own over its category's of the same name."""
    own, inherited, source = _two_levels(view, device, kind)
    return {
        name: (own[name], OWN) if name in own else (inherited[name], source)
        for name in sorted({**own, **inherited}, key=natural_key)
    }


def scripts(view: View, device: str, stage: str) -> tuple[tuple[str, str], ...]:
    """Return (source, text) of the scripts of *stage*, "initialize" or "finalize", in sequence."""
    nearest_first = [
        (source, str(entity.values[f"{stage}script"]))
        for source, entity in levels(view, EntityPath.of("device", device))
        if entity.values.get(f"{stage}script")
    ]
    return tuple(reversed(nearest_first))


def kernel_command_line(view: View, device: str) -> Effective:
    """Return the kernel parameters that the device boots with."""
    path = EntityPath.of("device", device)
    property_ = KINDS["category"].find("kernelparameters")
    assert property_ is not None
    return _of_levels(levels(view, path), property_)


def frozen_files(view: View, device: str) -> tuple[tuple[str, str], ...]:
    """Return (source, file) of what is never generated on the device: of all levels."""
    found: dict[str, str] = {}
    for source, entity in levels(view, EntityPath.of("device", device)):
        for name in entity.words("frozenfiles"):
            found.setdefault(name, source)
    return tuple((source, name) for name, source in found.items())


def modification_key(item: str) -> Hashable:
    """Return what a config file modification is about; one that cannot be read, about itself."""
    try:
        return parse(item).where
    except BadValue:
        return item


def _referred(view: View, kind: str, entities: Iterable[Entity]) -> Entity | None:
    for entity in entities:
        name = entity.values.get(kind)
        if name:
            return view.get(EntityPath.of(kind, str(name)))
    return None


def _effective(view: View, entity: Entity, above: Levels, property_: Property) -> Effective:
    if entity.path.kind == "roles" and _adds(entity):
        return _in_role(view, entity, property_)
    return _counts(above, property_)


def _counts(above: Levels, property_: Property) -> Effective:
    source, entity = above[0]
    if property_.fixed:
        return Effective(entity.type if property_.name == "type" else entity.name, source)
    return _of_levels(above if property_.inherits or property_.protects else above[:1], property_)


def _of_levels(above: Levels, property_: Property) -> Effective:
    settings = [
        Effective(entity.values[property_.name], source)
        for source, entity in above
        if property_.name in entity.values
    ]
    if property_.protects:
        # A switch that protects data is on where anybody wanted it on.
        settings.sort(key=lambda setting: not setting.value)
    if settings:
        return settings[0]
    return Effective(property_.default_for(above[0][1].name), DEFAULT)


def _two_levels(
    view: View, device: str, kind: str
) -> tuple[dict[str, Entity], dict[str, Entity], str]:
    """Return the objects of *kind* of the device, of its category, and the latter's source."""
    path = EntityPath.of("device", device)
    entity = the_object(view, path, f"read {kind} of")
    own = {each.name: each for each in view.children(path, (kind,))}
    category = _referred(view, "category", (entity,))
    if category is None:
        return own, {}, OWN
    inherited = {each.name: each for each in view.children(category.path, (kind,))}
    return own, inherited, source_of(category.path)


def _of_role(view: View, role: Entity, source: str = OWN) -> Levels:
    """Return a role, and where the cloud that it is a part of settles what it leaves open."""
    base = view.get(BASE_PARTITION)
    return ((source, role), *(((BASE_SOURCE, base),) if base is not None else ()))


def _with_categorys(view: View, entity: Entity) -> Levels:
    """Return the settings that a device has of its own, and its category's below them."""
    owner = entity.path.parent
    device = view.get(owner) if owner is not None and owner.kind == "device" else None
    category = _referred(view, "category", (device,)) if device is not None else None
    if category is None:
        return ((OWN, entity),)
    above = view.get(category.path.inside(entity.path.kind, entity.name))
    return ((OWN, entity), *(((source_of(category.path), above),) if above is not None else ()))


def _values(above: Levels) -> dict[str, Effective]:
    """Return the values of all properties of the object that *above* begins with."""
    entity = above[0][1]
    kind = KINDS[entity.path.kind]
    return {each.name: _counts(above, each) for each in kind.of_type(entity.type)}


def _adds(role: Entity) -> bool:
    return role.values.get("merge") == "keys"


def _role(view: View, own: Entity | None, inherited: Entity | None, source: str) -> EffectiveRole:
    if own is not None and inherited is not None and _adds(own):
        return _added(view, own, inherited, source)
    role, priority = (own, NODE_PRIORITY) if own is not None else (inherited, CATEGORY_PRIORITY)
    assert role is not None, "a role's name comes from one of the two"
    source = OWN if role is own else source
    values = _values(_of_role(view, role, source))
    return EffectiveRole(role.name, values, source, priority, modifications=_items(role, source))


def _added(view: View, own: Entity, inherited: Entity, source: str) -> EffectiveRole:
    """Return *own* with what it leaves open, by property and by key, from *inherited*."""
    values = _values(_of_role(view, inherited, source))
    values |= {name: each for name, each in _values(((OWN, own),)).items() if each.source == OWN}
    mine = _items(own, OWN)
    settled = {modification_key(item) for _, item in mine}
    items = (
        *(each for each in _items(inherited, source) if modification_key(each[1]) not in settled),
        *mine,
    )
    if items:
        sources = dict.fromkeys(source for source, _ in items)
        named = next(iter(sources)) if len(sources) == 1 else f"{source} and own"
        values[_MODIFICATIONS] = Effective(tuple(item for _, item in items), named)
    return EffectiveRole(own.name, values, OWN, NODE_PRIORITY, source, items)


def _items(role: Entity, source: str) -> tuple[tuple[str, str], ...]:
    return tuple((source, item) for item in role.words(_MODIFICATIONS))


def _in_role(view: View, role: Entity, property_: Property) -> Effective:
    parent = role.path.parent
    if parent is None or parent.kind != "device":
        return _counts(_of_role(view, role), property_)
    return effective_roles(view, parent.name)[role.name].values[property_.name]
