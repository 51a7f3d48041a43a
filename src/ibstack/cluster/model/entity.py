# SPDX-License-Identifier: Apache-2.0
"""One object of a cluster, and the path by which it is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ibstack.cluster.model.value import Value


@dataclass(frozen=True, slots=True, order=True)
class EntityPath:
    """Where an object is: pairs of kind and name, from the top level down.

    `EntityPath.of("device", "node003").inside("roles", "openstacknode")`; in text
    `device/node003/roles/openstacknode`.
    """

    steps: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, kind: str, name: str) -> EntityPath:
        return cls(((kind, name),))

    @classmethod
    def below(cls, parent: EntityPath | None, kind: str, name: str) -> EntityPath:
        """Return the path inside *parent*, or at the top level for None."""
        return cls.of(kind, name) if parent is None else parent.inside(kind, name)

    @classmethod
    def parse(cls, text: str) -> EntityPath:
        """Read what str() wrote; BadValue for anything else."""
        words = text.split("/")
        if len(words) % 2 or "" in words:
            raise BadValue("path of an object", text, "expected kind/name, once or more")
        if "%" in text:
            words = [_read_name(word) for word in words]
        # A store has tens of thousands, and nearly all have one step or two.
        if len(words) == 2:
            kind, name = words
            return cls(((kind, name),))
        if len(words) == 4:
            kind, name, inner, inner_name = words
            return cls(((kind, name), (inner, inner_name)))
        return cls(tuple(zip(words[::2], words[1::2], strict=True)))

    def inside(self, kind: str, name: str) -> EntityPath:
        return EntityPath((*self.steps, (kind, name)))

    def renamed(self, name: str) -> EntityPath:
        return EntityPath((*self.steps[:-1], (self.kind, name)))

    def moved(self, old: EntityPath, new: EntityPath) -> EntityPath:
        """Return this path with its beginning *old* replaced by *new*."""
        return EntityPath((*new.steps, *self.steps[len(old.steps) :]))

    def is_inside(self, other: EntityPath) -> bool:
        """Tell whether it is *other*, or lies somewhere inside it."""
        return self.steps[: len(other.steps)] == other.steps

    @property
    def kind(self) -> str:
        return self.steps[-1][0]

    @property
    def name(self) -> str:
        return self.steps[-1][1]

    @property
    def parent(self) -> EntityPath | None:
        """The object that contains it; None at the top level."""
        return EntityPath(self.steps[:-1]) if len(self.steps) > 1 else None

    @property
    def top(self) -> EntityPath:
        """The object of the top level that it is, or is inside of."""
        return EntityPath(self.steps[:1])

    def ancestors(self) -> Iterator[EntityPath]:
        """Yield it, and each object that it is inside of."""
        for length in range(len(self.steps), 0, -1):
            yield EntityPath(self.steps[:length])

    def __str__(self) -> str:
        return "/".join(_written_name(word) for step in self.steps for word in step)


def _written_name(name: str) -> str:
    """Return the name of an object as a path's text has it: a mount point has slashes."""
    if "/" not in name and "%" not in name:
        return name
    return name.replace("%", "%25").replace("/", "%2F")


def _read_name(word: str) -> str:
    return word.replace("%2F", "/").replace("%25", "%") if "%" in word else word


_NO_VALUES: Final[Mapping[str, Value]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, init=False)
class Entity:
    """One object: where it is, its type, and those of its properties that are set."""

    path: EntityPath
    type: str
    """One of its kind's types; empty where the kind has none."""
    values: Mapping[str, Value]
    """By property name, read-only.  What is not in it is unset: inherited, or the default."""

    def __init__(
        self, path: EntityPath, type: str = "", values: Mapping[str, Value] = _NO_VALUES
    ) -> None:
        # What dataclass writes, which calls a function for each field, takes twice as long, and a
        # shell's start makes tens of thousands.
        _set_path(self, path)
        _set_type(self, type)
        # Values that are read-only are some entity's already, or nobody's who would change them.
        frozen = values.__class__ is MappingProxyType
        _set_values(self, values if frozen else MappingProxyType(dict(values)))

    @property
    def name(self) -> str:
        return self.path.name

    def text(self, name: str) -> str:
        """Return the value of a property as text; empty where it is unset."""
        return str(self.values.get(name, ""))

    def words(self, name: str) -> tuple[str, ...]:
        """Return the value of a list of texts; empty where it is unset."""
        value = self.values.get(name, ())
        return value if isinstance(value, tuple) else ()

    def with_value(self, name: str, value: Value) -> Entity:
        return replace(self, values={**self.values, name: value})

    def without_value(self, name: str) -> Entity:
        return replace(self, values={k: v for k, v in self.values.items() if k != name})

    def at(self, path: EntityPath) -> Entity:
        """Return the same object elsewhere."""
        return replace(self, path=path)


# The slots themselves: a frozen object is set by nothing else.
_set_path, _set_type, _set_values = (
    vars(Entity)[name].__set__ for name in ("path", "type", "values")
)
