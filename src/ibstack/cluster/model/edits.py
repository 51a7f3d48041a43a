# SPDX-License-Identifier: Apache-2.0
"""What a person does to objects, on a draft: add, clone, remove, rename, set.

Each does all of what it says, or raises BadInput or Refused and has changed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.addresses import next_address
from ibstack.cluster.model.base_partition import BASE_PARTITION
from ibstack.cluster.model.catalogue import KINDS, kinds_inside
from ibstack.cluster.model.device import NODES
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.index import used_by
from ibstack.cluster.model.inheritance import effective
from ibstack.cluster.model.kind import SINGLE
from ibstack.cluster.model.naming import (
    find_name,
    meant,
    name_fault,
    noun,
    spoken,
    the_object,
    the_property,
)
from ibstack.cluster.model.value import NO_ADDRESS, NO_MAC, Reference, References, words_of
from ibstack.fabric.errors import BadInput, BadValue, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.cluster.model.kind import Kind, Property
    from ibstack.cluster.model.state import Draft
    from ibstack.cluster.model.value import Value

_MOST_NAMED: Final = 3

# What says which one an object is: a copy starts without.
_OWN: Final = {
    "device": ("mac",),
    "interfaces": ("mac", "guid"),
    "softwareimage": ("path",),
    "virtualnodesettings": ("instanceid",),
}


def add(
    draft: Draft, kind: str, name: str, parent: EntityPath | None = None, type_: str = ""
) -> EntityPath:
    """Add an object with nothing set, but for the default category of a node; return its path."""
    known = KINDS[kind]
    doing = f"add {noun(kind)} {name}" + (f" to {spoken(parent)}" if parent else "")
    if known.names:
        name = _one_of(known.names, name, doing, noun(kind))
        type_ = name if known.types else ""
    elif known.types:
        type_ = _type(known, type_, doing)
    path = EntityPath.below(parent, kind, name)
    _must_be_free(draft, path, doing)
    _must_fit(draft, known, path, doing)
    values: dict[str, Value] = {}
    if kind == "device" and type_ in NODES:
        base = draft.get(BASE_PARTITION)
        if base is not None and base.values.get("defaultcategory"):
            values["category"] = base.values["defaultcategory"]
    draft.put(Entity(path, type_, values))
    _put_single(draft, path, type_)
    return path


def clone(draft: Draft, source: EntityPath, name: str) -> EntityPath:
    """Add a copy of the object and of all that is inside it; return its path.

    A copy does not keep what says which one the source is: MAC, GUID, instance, the place of an
    image's tree; the copy of a device gets addresses that are free.
    """
    entity = the_object(draft, source, "clone")
    if KINDS[source.kind].single or KINDS[source.kind].names:
        raise BadInput(f"cannot clone {spoken(source)}: there is only one; use assign or set")
    path = source.renamed(name)
    _must_be_free(draft, path, f"clone {spoken(source)} to {name}")
    copies = [_copy(draft, each, source, path) for each in (entity, *draft.inside(source))]
    for each in copies:
        draft.put(each)
    return path


def remove(draft: Draft, path: EntityPath) -> None:
    """Remove the object and all that is inside it; Refused while anything uses it."""
    the_object(draft, path, "remove")
    if KINDS[path.kind].single or path == BASE_PARTITION:
        raise Refused(f"cannot remove {spoken(path)}: it is part of the cluster; use clear")
    uses = used_by(draft, path)
    if uses:
        named = ", ".join(str(use) for use in uses[:_MOST_NAMED])
        more = f" and {len(uses) - _MOST_NAMED} more" if len(uses) > _MOST_NAMED else ""
        raise Refused(f"cannot remove {spoken(path)}: it is used by {named}{more}; change those")
    draft.remove(path)


def rename(draft: Draft, path: EntityPath, name: str) -> EntityPath:
    """Give the object another name, also where it is referred to; return its new path."""
    the_object(draft, path, "rename")
    if KINDS[path.kind].single or KINDS[path.kind].names:
        raise BadInput(f"cannot rename {spoken(path)}: its name is given")
    new = path.renamed(name)
    _must_be_free(draft, new, f"rename {spoken(path)} to {name}")
    _move(draft, ((path, new),))
    return new


def swap(draft: Draft, one: EntityPath, other: EntityPath) -> None:
    """Exchange the names of two objects; who refers to either, refers to it by its new name."""
    the_object(draft, one, "swap")
    the_object(draft, other, "swap")
    kind = KINDS[one.kind]
    if (one.kind, one.parent) != (other.kind, other.parent) or kind.names or kind.single:
        raise BadInput(
            f"cannot swap {spoken(one)} and {spoken(other)}: they must be of one kind,"
            " with names of their own"
        )
    _move(draft, ((one, other), (other, one)))


def set_value(draft: Draft, path: EntityPath, prop: str, words: Sequence[str]) -> None:
    """Set the property to what the words say; nothing, or an empty word, clears it."""
    doing = f"set {prop} of"
    entity = the_object(draft, path, doing)
    property_ = _settable(entity, prop, doing)
    _put(draft, entity, property_, _parsed(draft, path, property_, words, doing))


def append_values(draft: Draft, path: EntityPath, prop: str, words: Sequence[str]) -> None:
    """Add the words to the list that counts for the object, those that are not in it yet."""
    doing = f"append to {prop} of"
    entity, property_, present = _list(draft, path, prop, doing)
    added = _parsed(draft, path, property_, words, doing)
    _put(draft, entity, property_, tuple(dict.fromkeys((*present, *words_of(added)))))


def remove_values(draft: Draft, path: EntityPath, prop: str, words: Sequence[str]) -> None:
    """Take the words out of the list that counts for the object."""
    doing = f"remove from {prop} of"
    entity, property_, present = _list(draft, path, prop, doing)
    for word in words:
        if word not in present:
            raise BadInput(
                f"cannot {doing} {spoken(path)}: {word!r} is not in it{meant(word, present)}"
            )
    _put(draft, entity, property_, tuple(word for word in present if word not in words))


def clear_value(draft: Draft, path: EntityPath, prop: str) -> None:
    """Unset the property: what is inherited, or the default, counts again."""
    entity = the_object(draft, path, f"clear {prop} of")
    property_ = _settable(entity, prop, f"clear {prop} of")
    _keep(draft, entity.without_value(property_.name))


def _one_of(names: Sequence[str], name: str, doing: str, what: str) -> str:
    for each in names:
        if each.lower() == name.lower():
            return each
    hint = meant(name, names) or f"; it can be {', '.join(names)}"
    raise BadInput(f"cannot {doing}: there is no {what} of that name{hint}")


def _type(kind: Kind, type_: str, doing: str) -> str:
    known = kind.type_called(type_)
    if known is not None:
        return known
    choices = ", ".join(each.lower() for each in kind.types)
    if not type_:
        raise BadInput(f"cannot {doing}: its type is missing; give one of {choices} before it")
    hint = meant(type_, [each.lower() for each in kind.types]) or f"; it can be {choices}"
    raise BadInput(f"cannot {doing}: there is no type {type_!r}{hint}")


def _must_be_free(draft: Draft, path: EntityPath, doing: str) -> None:
    fault = name_fault(path.kind, path.name)
    if fault:
        raise BadInput(f"cannot {doing}: {fault}")
    if draft.get(path) is not None:
        raise BadInput(f"cannot {doing}: there is a {spoken(path)} already; use another name")


def _must_fit(draft: Draft, kind: Kind, path: EntityPath, doing: str) -> None:
    """Refuse what nobody adds, or what has no place there."""
    if kind.single:
        its_owner = path.parent.kind if path.parent else "object"
        raise BadInput(f"cannot {doing}: it comes and goes with its {its_owner}")
    if path.parent is None:
        if kind.inside:
            raise BadInput(f"cannot {doing}: it is part of a {' or a '.join(kind.inside)}")
        return
    owner = draft.get(path.parent)
    if owner is None:
        raise BadInput(f"cannot {doing}: there is no {spoken(path.parent)}")
    if kind not in kinds_inside(path.parent.kind, owner.type):
        raise BadInput(f"cannot {doing}: a {noun(path.parent.kind)} has no {kind.name}")


def _put_single(draft: Draft, path: EntityPath, type_: str) -> None:
    for inner in kinds_inside(path.kind, type_):
        if inner.single and not inner.kept_when_set:
            draft.put(Entity(path.inside(inner.name, SINGLE)))


def _copy(draft: Draft, entity: Entity, source: EntityPath, path: EntityPath) -> Entity:
    kind = entity.path.kind
    values = {name: v for name, v in entity.values.items() if name not in _OWN.get(kind, ())}
    if "ip" in values and kind in ("device", "interfaces"):
        address = next_address(draft, entity, source.top.name, path.top.name)
        if address == NO_ADDRESS:
            del values["ip"]
        else:
            values["ip"] = address
    if kind == "softwareimage" and draft.base.get(source) is not None:
        # One that is not committed has no tree yet: its copy is made from what it is made from.
        values["originalimage"] = source.name
    return Entity(entity.path.moved(source, path), entity.type, values)


def _move(draft: Draft, moves: Sequence[tuple[EntityPath, EntityPath]]) -> None:
    """Move the objects, with all that is inside them, and let who refers to them follow."""
    names = {(old.kind, old.name): new.name for old, new in moves}
    users = {use.path for old, _ in moves for use in used_by(draft, old)}
    for user in users:
        entity = draft.get(user)
        # Those that are moved themselves follow as they are moved; twice would undo a swap.
        if entity is not None and not any(user.is_inside(old) for old, _ in moves):
            draft.put(_following(entity, names))
    moved = [
        _following(entity, names).at(entity.path.moved(old, new))
        for old, new in moves
        for entity in (*draft.inside(old), draft.get(old))
        if entity is not None
    ]
    for old, _ in moves:
        draft.remove(old)
    for entity in reversed(moved):
        draft.put(entity)


def _following(entity: Entity, names: dict[tuple[str, str], str]) -> Entity:
    """Return the object with references to what is renamed changed."""
    for name, kind in KINDS[entity.path.kind].references.items():
        value = entity.values.get(name)
        if value is not None:
            followed = tuple(names.get((kind, word), word) for word in words_of(value))
            entity = entity.with_value(name, followed if isinstance(value, tuple) else followed[0])
    return entity


def _settable(entity: Entity, prop: str, doing: str) -> Property:
    property_ = the_property(entity, prop, doing)
    if property_.fixed:
        raise BadInput(
            f"cannot {doing} {spoken(entity.path)}: it is given when the object is made;"
            " clone it, and remove this one"
        )
    return property_


def _parsed(
    draft: Draft, path: EntityPath, property_: Property, words: Sequence[str], doing: str
) -> Value:
    """Return what the words say, with references as they are spelled; () for nothing."""
    if not any(words):
        return ()
    try:
        value = property_.type.parse(words)
    except BadValue as error:
        raise BadInput(f"cannot {doing} {spoken(path)}: {error}") from error
    type_ = property_.type
    if not isinstance(type_, Reference | References):
        return value
    found = [_referred(draft, type_.kind, word, path, doing) for word in words_of(value)]
    return tuple(found) if isinstance(type_, References) else found[0]


def _referred(draft: Draft, kind: str, name: str, path: EntityPath, doing: str) -> str:
    found = find_name(draft, kind, name)
    if found is None:
        near = meant(name, draft.names(kind))
        raise BadInput(f"cannot {doing} {spoken(path)}: there is no {noun(kind)} {name!r}{near}")
    return found


def _list(
    draft: Draft, path: EntityPath, prop: str, doing: str
) -> tuple[Entity, Property, tuple[str, ...]]:
    """Return the object, its property, and the list that counts for it now."""
    entity = the_object(draft, path, doing)
    property_ = _settable(entity, prop, doing)
    if not property_.type.many:
        raise BadInput(f"cannot {doing} {spoken(path)}: it holds one value; use set")
    if property_.inherits:
        return entity, property_, words_of(effective(draft, path, prop).value)
    return entity, property_, words_of(entity.values.get(property_.name, ()))


def _put(draft: Draft, entity: Entity, property_: Property, value: Value) -> None:
    if value in ((), "", NO_ADDRESS, NO_MAC):
        _keep(draft, entity.without_value(property_.name))
    else:
        draft.put(entity.with_value(property_.name, value))


def _keep(draft: Draft, entity: Entity) -> None:
    """Put the object, unless it is one that is kept only where something is set."""
    if not entity.values and KINDS[entity.path.kind].kept_when_set:
        draft.remove(entity.path)
    else:
        draft.put(entity)
