# SPDX-License-Identifier: Apache-2.0
"""YAML as nodes: texts, lists and pairs, each with its place, and no types guessed; and its faults.

libyaml reads it, a C library, by its events: its own trees of a file that is nested a hundred
thousand deep overflow the stack (seen on PyYAML 6.0.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from ibstack.fabric.errors import BadInput


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file, counted from 1."""

    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong."""

    at: Position
    what: str


@dataclass(eq=False)
class BadFile(BadInput):
    """A cluster file that cannot be meant."""

    file: str
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return "\n".join(
            f"cannot read the cluster file {self.file}:{each.at}: {each.what}"
            for each in self.faults
        )


_DEEPEST: Final = 64
"""Objects of the catalogue lie six deep."""
_START: Final = Position()
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_NULL_TAG: Final = "tag:yaml.org,2002:null"
# The writer has half a surrogate pair escaped; libyaml takes no such escape.
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]|\\U0000[dD][89a-fA-F]|[\ud800-\udfff]")


@dataclass(slots=True)
class Text:
    """A scalar as it stands there, whatever it looks like."""

    at: Position
    value: str
    null: bool
    """It is plain, and nothing or what YAML has for nothing."""


@dataclass(slots=True)
class Items:
    """A sequence."""

    at: Position
    items: list[Node] = field(default_factory=list)

    def add(self, node: Node) -> None:
        self.items.append(node)


@dataclass(slots=True)
class Pairs:
    """A mapping, with whatever is in it twice."""

    at: Position
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    _key: Node | None = None

    def add(self, node: Node) -> None:
        if self._key is None:
            self._key = node
        else:
            self.pairs.append((self._key, node))
            self._key = None


Node = Text | Items | Pairs


# A Python whose PyYAML was built without libyaml reads the same, more slowly.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def composed(text: str, name: str) -> Node | None:
    """Return the one document of *text*, None where there is none; BadFile if it is not YAML."""
    document = _Document(name)
    loader = yaml.SafeLoader if _SURROGATE.search(text) else _LOADER
    try:
        for event in yaml.parse(text, Loader=loader):
            document.take(event)
    except yaml.MarkedYAMLError as error:
        where = _within(text, error.problem_mark or error.context_mark)
        raise _bad(name, where, str(error.problem)) from error
    except yaml.YAMLError as error:
        raise _bad(name, _START, str(error).splitlines()[0]) from error
    return document.root


class _Document:
    """A document while its events come."""

    def __init__(self, name: str) -> None:
        self.root: Node | None = None
        self._name = name
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Items | Pairs, str | None]] = []

    def take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self._add(Text(_position(event), event.value, _is_null(event)), event.anchor)
            case yaml.MappingStartEvent():
                self._begin(Pairs(_position(event)), event.anchor)
            case yaml.SequenceStartEvent():
                self._begin(Items(_position(event)), event.anchor)
            case yaml.CollectionEndEvent():
                self._add(*self._open.pop())
            case yaml.AliasEvent():
                self._add(self._meant_by(event), None)
            case yaml.DocumentStartEvent() if self.root is not None:
                raise _bad(self._name, _position(event), "expected a single document")

    def _begin(self, node: Items | Pairs, anchor: str | None) -> None:
        if len(self._open) == _DEEPEST:
            raise _bad(self._name, node.at, "it is nested too deep")
        self._open.append((node, anchor))

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1][0].add(node)
        else:
            self.root = node

    def _meant_by(self, event: Any) -> Node:
        found = self._anchors.get(event.anchor)
        if found is None:
            raise _bad(self._name, _position(event), f"found undefined alias {event.anchor!r}")
        return found


def _is_null(event: Any) -> bool:
    return event.tag == _NULL_TAG or (event.implicit[0] and event.value in _NULLS)


def _position(event: Any) -> Position:
    mark = event.start_mark
    return Position(mark.line + 1, mark.column + 1)


def _within(text: str, mark: Any) -> Position:
    """Return the place of an error; libyaml puts the end of a file below its last line."""
    if mark is None:
        return _START
    last = text.count("\n")
    if mark.line > last:
        return Position(last + 1, len(text) - text.rfind("\n"))
    return Position(mark.line + 1, mark.column + 1)


def _bad(name: str, at: Position, what: str) -> BadFile:
    return BadFile(name, (Fault(at, f"it is not YAML: {what}"),))
