# SPDX-License-Identifier: Apache-2.0
"""Write a cluster as a file: always the same text for the same cluster."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import yaml

from ibstack.cluster.model.catalogue import KINDS, kinds_inside, top_kinds
from ibstack.cluster.text_file.schema import (
    FORMAT,
    FORMAT_KEY,
    TYPE_KEY,
    says_type,
    written_properties,
)
from ibstack.formats.secrets import hidden_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.model.entity import Entity, EntityPath
    from ibstack.cluster.model.kind import Kind
    from ibstack.cluster.model.state import View

_ANY_WIDTH: Final = 1 << 30
# Readers of YAML 1.1 take the first two for truths and numbers in base 60, those of 1.2 the rest
# for numbers.
_AMBIGUOUS: Final = re.compile(
    r"(?i)y|n|yes|no|on|off|[-+]?[0-9][0-9_]*(?::[0-9_.]+)+"
    r"|0o[0-7]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:e[-+]?[0-9]+)?"
)
_RESOLVER: Final = yaml.resolver.Resolver()
_STRING: Final = "tag:yaml.org,2002:str"


def export(view: View, *, secrets: bool = True) -> str:
    """Return the whole cluster as the text of a file.

    Without *secrets* the values that config file modifications give to passwords are hidden, and
    the file is refused when it is read.
    """
    content: dict[str, Any] = {FORMAT_KEY: FORMAT}
    for kind in top_kinds():
        objects = _objects(view, kind, None)
        if objects:
            content[kind.name] = objects
    return _written(content if secrets else _without_secrets(content))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_secrets(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    return hidden_item(value) if isinstance(value, str) else value


def _objects(view: View, kind: Kind, parent: EntityPath | None) -> dict[str, Any]:
    return {each.name: _object(view, kind, each) for each in view.children(parent, (kind.name,))}


def _object(view: View, kind: Kind, entity: Entity) -> dict[str, Any]:
    said: dict[str, Any] = {TYPE_KEY: entity.type} if says_type(kind) else {}
    for property_ in written_properties(kind, entity.type):
        value = entity.values.get(property_.name)
        if value is not None:
            said[property_.name] = list(value) if isinstance(value, tuple) else value
    for inner in kinds_inside(entity.path.kind, entity.type):
        objects = _objects(view, inner, entity.path)
        # What there is one of comes with the object: nothing set is nothing to say.
        found = next(iter(objects.values()), {}) if KINDS[inner.name].single else objects
        if found:
            said[inner.name] = found
    return said


def _written(content: dict[str, Any]) -> str:
    events = [
        yaml.StreamStartEvent(),
        yaml.DocumentStartEvent(explicit=False),
        *_events(content),
        yaml.DocumentEndEvent(explicit=False),
        yaml.StreamEndEvent(),
    ]
    try:
        return _emitted(events, getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    except UnicodeEncodeError:  # libyaml, the C library, takes no half of a surrogate pair.
        return _emitted(events, yaml.SafeDumper)


def _emitted(events: list[yaml.Event], dumper: Any) -> str:
    return str(yaml.emit(events, Dumper=dumper, allow_unicode=True, width=_ANY_WIDTH))


def _events(value: Any) -> Iterator[yaml.Event]:
    if isinstance(value, dict):
        yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=False)
        for name, each in value.items():
            yield _scalar(name)
            yield from _events(each)
        yield yaml.MappingEndEvent()
    elif isinstance(value, list):
        yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=False)
        for each in value:
            yield _scalar(each)
        yield yaml.SequenceEndEvent()
    elif isinstance(value, str):
        yield _scalar(value)
    else:
        text = str(value).lower()  # true, false or a number
        yield yaml.ScalarEvent(None, None, (True, False), text)


@lru_cache(maxsize=10_000)
def _scalar(text: str) -> yaml.ScalarEvent:
    """Return a text: as a block where it has lines, quoted where it could be misread."""
    style = None
    if "\n" in text:
        style = "|" if _fits_block(text) else '"'
    elif _AMBIGUOUS.fullmatch(text) or not text.isprintable():
        style = '"'
    plain = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) == _STRING
    return yaml.ScalarEvent(None, None, (plain, True), text, style=style)


def _fits_block(value: str) -> bool:
    """Tell whether a block scalar gives the very same text back."""
    lines = value.split("\n")
    plain = all(line.isprintable() and line == line.rstrip() for line in lines)
    return plain and bool(lines[0]) and not lines[0].startswith(" ")
