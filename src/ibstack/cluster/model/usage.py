# SPDX-License-Identifier: Apache-2.0
"""Who uses an object: what would break if it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.index import saying
from ibstack.cluster.model.value import Reference, References

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.model.entity import Entity, EntityPath
    from ibstack.cluster.model.state import Draft, State


@dataclass(frozen=True, slots=True)
class Use:
    """One place where an object is referred to."""

    type: str
    """What refers to it: "Category"."""
    name: str
    """That object's name."""
    parameter: str
    """Its property; of an object inside it, after that object: "roles[openstacknode]->fabric"."""
    path: EntityPath
    """Of what refers to it, the innermost."""

    def __str__(self) -> str:
        return f"{self.type.lower()} {self.name} ({self.parameter})"


def used_by(view: State | Draft, path: EntityPath) -> tuple[Use, ...]:
    """Return the places outside the object that refer to it."""
    if path.parent is not None:
        return tuple(_siblings(view, path))
    found = []
    for user in saying(view, (path.kind, path.name)):
        entity = view.get(user)
        if entity is not None and not user.is_inside(path):
            found += [_use(user, name) for name in _referring(entity, path)]
    return tuple(found)


def _referring(entity: Entity, path: EntityPath) -> Iterator[str]:
    """Yield the properties of *entity* that name the object."""
    for name, value in entity.values.items():
        property_ = KINDS[entity.path.kind].find(name)
        type_ = property_.type if property_ else None
        if isinstance(type_, Reference | References) and type_.kind == path.kind:
            words = value if isinstance(value, tuple) else (value,)
            if path.name in words:
                yield name


def _siblings(view: State | Draft, path: EntityPath) -> Iterator[Use]:
    """Yield the bonds and bridges of the same device that are made of the interface."""
    if path.kind != "interfaces":
        return
    for sibling in view.children(path.parent, (path.kind,)):
        members = sibling.values.get("interfaces", ())
        if isinstance(members, tuple) and path.name in members:
            yield _use(sibling.path, "interfaces")


def _use(user: EntityPath, name: str) -> Use:
    inner = "".join(f"{kind}[{inside}]->" for kind, inside in user.steps[1:])
    return Use(KINDS[user.top.kind].singular, user.top.name, inner + name, user)
