# SPDX-License-Identifier: Apache-2.0
"""Read a cluster from a file, and find all that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.catalogue import KINDS, kinds_inside, top_kinds
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.kind import SINGLE
from ibstack.cluster.model.naming import meant, name_fault, noun
from ibstack.cluster.model.state import State
from ibstack.cluster.model.value import NO_ADDRESS, NO_MAC
from ibstack.cluster.text_file.nodes import BadFile, Fault, Items, Pairs, Position, Text, composed
from ibstack.cluster.text_file.schema import (
    FORMAT,
    FORMAT_KEY,
    TYPE_KEY,
    says_type,
    written_properties,
)
from ibstack.fabric.errors import BadValue
from ibstack.runtime.gc_pause import paused_collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.cluster.model.kind import Kind, Property
    from ibstack.cluster.model.value import Value
    from ibstack.cluster.text_file.nodes import Node

_START: Final = Position()
_UNSET: Final = (None, "", (), NO_ADDRESS, NO_MAC)


@dataclass(frozen=True)
class ClusterFile:
    """A cluster as a file describes it."""

    name: str
    state: State
    positions: dict[tuple[EntityPath, str], Position] = field(default_factory=dict)
    """Where each object (with an empty text) and property stands."""

    def position(self, path: EntityPath, prop: str = "") -> Position:
        """Return where the property stands, or else its object, or what that is inside of."""
        found = self.positions.get((path, prop))
        if found is not None:
            return found
        for each in path.ancestors():
            if (each, "") in self.positions:
                return self.positions[each, ""]
        return _START


def read(text: str, name: str = "-") -> ClusterFile:
    """Return the cluster that *text* describes; BadFile with everything that is wrong."""
    reader = _Reader()
    with paused_collector():
        reader.file(composed(text, name))
    if reader.faults:
        raise BadFile(name, tuple(sorted(reader.faults)))
    return ClusterFile(name, State(reader.entities), reader.positions)


class _Reader:
    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.entities: list[Entity] = []
        self.positions: dict[tuple[EntityPath, str], Position] = {}

    def file(self, node: Node | None) -> None:
        if node is None:
            self.faults.append(Fault(_START, f"it is empty; expected {FORMAT_KEY}: {FORMAT}"))
            return
        kinds = {kind.name: kind for kind in top_kinds()}
        told = False
        for key, at, value in self._pairs(node, "the file"):
            if key == FORMAT_KEY:
                told = True
                if not isinstance(value, Text) or value.value != str(FORMAT):
                    self._fault(value, f"this version reads {FORMAT_KEY}: {FORMAT} only")
            elif key in kinds:
                self._objects(kinds[key], None, value)
            else:
                self._unknown(at, f"there is no kind of objects {key!r}", key, kinds)
        if not told:
            self.faults.append(Fault(_START, f"it does not say {FORMAT_KEY}: {FORMAT}"))

    def _objects(self, kind: Kind, parent: EntityPath | None, node: Node) -> None:
        for name, at, value in self._pairs(node, kind.name, null=True):
            fault = name_fault(kind.name, name)
            if kind.names and name not in kind.names:
                what = f"there is no {noun(kind.name)} {name!r}"
                self._unknown(at, what, name, kind.names)
            elif fault:
                self.faults.append(Fault(at, fault))
            else:
                self._object(kind, EntityPath.below(parent, kind.name, name), at, value)

    def _object(self, kind: Kind, path: EntityPath, at: Position, node: Node) -> None:
        self.positions[path, ""] = at
        pairs = list(self._pairs(node, f"{noun(kind.name)} {path.name}", null=True))
        type_ = path.name if kind.names and kind.types else ""
        if says_type(kind):
            type_ = self._type(kind, at, pairs)
            if not type_:
                return  # Which properties it has is not known.
        inner = {each.name: each for each in kinds_inside(kind.name, type_)}
        values: dict[str, Value] = {}
        for key, key_at, value in pairs:
            if key in inner:
                self._inside(inner[key], path, key_at, value)
            elif key != TYPE_KEY or not says_type(kind):
                self._property(_Object(kind, path, type_, values), key, key_at, value)
        self._keep(kind, Entity(path, type_, values))
        written = {key for key, _, _ in pairs}
        for each in inner.values():
            if each.single and each.name not in written:
                self._keep(each, Entity(path.inside(each.name, SINGLE)))

    def _keep(self, kind: Kind, entity: Entity) -> None:
        if entity.values or not kind.kept_when_set:
            self.entities.append(entity)

    def _inside(self, kind: Kind, parent: EntityPath, at: Position, node: Node) -> None:
        if kind.single:
            self._object(kind, parent.inside(kind.name, SINGLE), at, node)
        else:
            self._objects(kind, parent, node)

    def _type(self, kind: Kind, at: Position, pairs: list[tuple[str, Position, Node]]) -> str:
        node = next((value for key, _, value in pairs if key == TYPE_KEY), None)
        choice = ", ".join(kind.types)
        if node is None:
            self.faults.append(Fault(at, f"it has no type; expected type: one of {choice}"))
            return ""
        text = node.value if isinstance(node, Text) else ""
        type_ = kind.type_called(text)
        if type_ is None:
            near = meant(text, kind.types)
            self._fault(node, f"there is no type {text!r}; expected one of {choice}{near}")
        return type_ or ""

    def _property(self, of: _Object, key: str, at: Position, node: Node) -> None:
        known = written_properties(of.kind, of.type)
        property_ = of.kind.find(key)
        if property_ not in known or property_ is None:
            names = [
                *(each.name for each in known),
                *(each.name for each in kinds_inside(of.kind.name, of.type)),
            ]
            what = f"a {of.type or noun(of.kind.name)} has no property {key!r}"
            self._unknown(at, what, key, names)
        elif (of.path, property_.name) in self.positions:
            self.faults.append(Fault(at, f"{property_.name} is there twice"))
        else:
            self.positions[of.path, property_.name] = node.at
            value = self._value(property_, node)
            if value not in _UNSET:  # Empty is unset, as in the shell.
                of.values[property_.name] = value

    def _value(self, property_: Property, node: Node) -> Value | None:
        many = property_.type.many
        nodes = node.items if many and isinstance(node, Items) else [node]
        words = []
        for each in nodes:
            if not isinstance(each, Text) or each.null:
                what = "a list of texts" if many else "one value"
                self._fault(each, f"expected {what} for {property_.name}")
                return None
            words.append(each.value)
        if not many and words == [""]:
            return ""
        try:
            return property_.type.parse([word for word in words if word or not many])
        except BadValue as error:
            self._fault(node, f"{property_.name}: {error}")
            return None

    def _pairs(
        self, node: Node, what: str, *, null: bool = False
    ) -> Iterator[tuple[str, Position, Node]]:
        """Yield key, its place and value of a mapping; *null*: nothing at all is well too."""
        if null and isinstance(node, Text) and node.null:
            return
        if not isinstance(node, Pairs):
            self._fault(node, f"expected names with values below {what}")
            return
        known: set[str] = set()
        for key, value in node.pairs:
            if not isinstance(key, Text):
                self._fault(key, "expected a name")
            elif key.value in known:
                self._fault(key, f"{key.value} is there twice")
            else:
                known.add(key.value)
                yield key.value, key.at, value

    def _unknown(self, at: Position, what: str, name: str, names: Iterable[str]) -> None:
        known = list(names)
        near = meant(name, known) or (
            f"; expected one of {', '.join(known)}" if len(known) <= len(KINDS) else ""
        )
        self.faults.append(Fault(at, f"{what}{near}"))

    def _fault(self, node: Node, what: str) -> None:
        self.faults.append(Fault(node.at, what))


@dataclass(frozen=True, slots=True)
class _Object:
    """An object while it is read."""

    kind: Kind
    path: EntityPath
    type: str
    values: dict[str, Value]
