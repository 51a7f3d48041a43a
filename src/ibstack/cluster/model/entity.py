# SPDX-License-Identifier: Apache-2.0
"""One object of a cluster, and the path by which it is known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

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
        words = [_read_name(word) for word in text.split("/")]
        if len(words) % 2 or not all(words):
            raise BadValue("path of an object", text, "expected kind/name, once or more")
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


@dataclass(frozen=True, slots=True)
class Entity:
    """One object: where it is, its type, and those of its properties that are set."""

    path: EntityPath
    type: str = ""
    """One of its kind's types; empty where the kind has none."""
    values: Mapping[str, Value] = field(default_factory=dict)
    """By property name.  What is not in it is unset: inherited, or the default."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))

    @property
    def name(self) -> str:
        return self.path.name

    def with_value(self, name: str, value: Value) -> Entity:
        return replace(self, values={**self.values, name: value})

    def without_value(self, name: str) -> Entity:
        return replace(self, values={k: v for k, v in self.values.items() if k != name})

    def at(self, path: EntityPath) -> Entity:
        """Return the same object elsewhere."""
        return replace(self, path=path)
