# SPDX-License-Identifier: Apache-2.0
"""How objects stand in the file: which keys a kind has; the same as JSON Schema, for editors.

At the top, `format` and one key for each kind of the top level; in it one key for each object; in
that the object's `type`, its properties, and the kinds inside it.  Of a kind of which there is just
one inside an object, the properties follow at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ibstack.cluster.model.catalogue import kinds_inside, top_kinds
from ibstack.cluster.model.value import Boolean, Choice, Integer, Ipv4

if TYPE_CHECKING:
    from ibstack.cluster.model.kind import Kind, Property
    from ibstack.cluster.model.value import ValueType

FORMAT_KEY: Final = "format"
FORMAT: Final = 1
TYPE_KEY: Final = "type"


def says_type(kind: Kind) -> bool:
    """Tell whether objects say their type; where the name is the type, they need not."""
    return bool(kind.types) and not kind.names


def written_properties(kind: Kind, type_: str) -> tuple[Property, ...]:
    """Return the properties that an object of *type_* can have in the file, in their order."""
    return tuple(each for each in kind.of_type(type_) if not each.fixed)


_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema."""
    properties: dict[str, Any] = {FORMAT_KEY: {"const": FORMAT}}
    properties |= {kind.name: _objects(kind) for kind in top_kinds()}
    return {
        "$schema": _DRAFT,
        "title": "A cluster of ibstack",
        "type": "object",
        "additionalProperties": False,
        "required": [FORMAT_KEY],
        "properties": properties,
    }


def _objects(kind: Kind) -> dict[str, Any]:
    if kind.names and kind.types:
        each = {name: _object(kind, name) for name in kind.names}
        return {"type": "object", "additionalProperties": False, "properties": each}
    one = _typed(kind) if says_type(kind) else _object(kind, "")
    if kind.names:
        each = dict.fromkeys(kind.names, one)
        return {"type": "object", "additionalProperties": False, "properties": each}
    return {"type": "object", "description": kind.plural, "additionalProperties": one}


def _typed(kind: Kind) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [TYPE_KEY],
        "properties": {TYPE_KEY: {"enum": list(kind.types)}},
        "oneOf": [_object(kind, type_) for type_ in kind.types],
    }


def _object(kind: Kind, type_: str) -> dict[str, Any]:
    properties: dict[str, Any] = {TYPE_KEY: {"const": type_}} if says_type(kind) else {}
    properties |= {each.name: _property(each) for each in written_properties(kind, type_)}
    for inner in kinds_inside(kind.name, type_):
        properties[inner.name] = _object(inner, "") if inner.single else _objects(inner)
    shape = {"additionalProperties": False, "properties": properties}
    # Nothing at all stands for an object with nothing set.
    return shape if says_type(kind) else {"type": ["object", "null"], **shape}


def _property(property_: Property) -> dict[str, Any]:
    said = {"description": property_.help, **_value(property_.type)}
    default = property_.default
    if default not in ("", ()):
        said["default"] = list(default) if isinstance(default, tuple) else default
    return said


def _value(type_: ValueType) -> dict[str, Any]:
    if type_.many:
        return {"type": "array", "items": {"type": "string"}}
    match type_:
        case Boolean():
            return {"type": "boolean"}
        case Integer():
            return {"type": "integer", "minimum": type_.low, "maximum": type_.high}
        case Choice():
            return {"enum": list(type_.names)}
        case Ipv4():
            return {"type": "string", "format": "ipv4"}
    return {"type": "string"}
