# SPDX-License-Identifier: Apache-2.0
"""Dataclasses as JSON and back, strictly: the annotations of a class are its wire format.

A field stands under its name.  A dataclass is an object, a tuple or a set a list, an enum its
value, a class with `parse()` (Guid, PciAddress, PartitionKey …) the text that str() returns.  None
is null.  A field that has a default may be missing, so that older texts are read; a key that is not
known is passed over, so that newer ones are.  Where a format differs, wire() says how.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import reprlib
import types
import typing
from collections.abc import Callable, Hashable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeAlias, TypeVar

from ibstack.fabric.errors import BadInput

_T = TypeVar("_T")
_Class = TypeVar("_Class", bound=type)

_Read: TypeAlias = Callable[[Any], Any]
_WIRE: Final = "wire"
_AS_IT_IS: Final = (None, None, None)
_IN_WORDS: Final = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}
_SHOWN: Final = 300
"""Characters of an error, which may quote all that was sent."""


class BadShape(BadInput, ValueError):
    """A value of JSON that is not what is wanted, and where: `members[2].guid`."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(what, where)
        self.what = what
        self.where = where

    def __str__(self) -> str:
        return (f"{self.where}: {self.what}" if self.where else self.what)[:_SHOWN]


def record(cls: _Class) -> _Class:
    """Mark a dataclass whose annotations are needed when it is read: its imports are real ones."""
    return cls


def wire(
    name: str | None = None, *, read: _Read | None = None, write: _Read | None = None
) -> dict[str, Any]:
    """Return the metadata of a field that stands under another name, or has another form there.

    *read* is given the value of JSON and raises ValueError or TypeError; *write* returns it.
    """
    return {_WIRE: (name, read, write)}


def by_name(kind: type[enum.Enum]) -> dict[str, Any]:
    """Return the metadata of a field of *kind* that stands by its name, in small letters."""
    members = {each.name.lower(): each for each in kind}

    def read(raw: object) -> enum.Enum | None:
        if isinstance(raw, str) and raw not in members:
            raise ValueError(f"expected one of {', '.join(members)}, got {reprlib.repr(raw)}")
        return None if raw is None else members[_read_plain(str, raw)]

    return wire(read=read, write=lambda value: None if value is None else value.name.lower())


def none_as_empty(kind: Any) -> _Read:
    """Return what reads a tuple or a mapping, and null as an empty one."""
    empty: Any = {} if typing.get_origin(kind) in (dict, Mapping) else ()
    return lambda raw: empty if raw is None else from_json(kind, raw)


def to_json(value: Any) -> Any:
    """Return what json.dumps() takes, of a dataclass or of what may be in one."""
    if dataclasses.is_dataclass(value) and hasattr(value, "parse"):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: write(getattr(value, field)) for field, name, write in _writers(type(value))}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, AbstractSet):
        return sorted(to_json(each) for each in value)
    if isinstance(value, tuple | list):
        return [to_json(each) for each in value]
    return value


def from_json(kind: type[_T], raw: object, *, whole: bool = False) -> _T:
    """Return the value of class *kind* that *raw* stands for; BadShape where it is none.

    *whole*: nor may a field be missing that has a default.
    """
    try:
        found: _T = _reader(typing.cast("Hashable", kind), whole)(raw)
    except (ValueError, TypeError) as error:
        raise _inside(error, "") from error
    return found


def object_of(text: str) -> dict[str, Any]:
    """Return the object of JSON that *text* is; an empty one where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def to_row(value: Any) -> list[Any]:
    """Return the fields of a dataclass as a list, in their order: what many rows are stored as."""
    return [*to_json(value).values()]


def from_row(kind: type[_T], row: Iterable[object]) -> _T:
    """Return what to_row() was given; ValueError or TypeError for anything else."""
    names = [field.name for field in dataclasses.fields(typing.cast("Any", kind))]
    return from_json(kind, dict(zip(names, row, strict=True)))


def _inside(error: Exception, where: str) -> BadShape:
    """Return the error of what is inside of *where*."""
    if not isinstance(error, BadShape):
        return BadShape(str(error), where)
    between = "." if where and error.where and error.where[0] != "[" else ""
    return BadShape(error.what, f"{where}{between}{error.where}")


@functools.cache
def _writers(cls: type) -> tuple[tuple[str, str, _Read], ...]:
    """Return field, name and what writes it, of each field of a dataclass."""
    found = []
    for field in dataclasses.fields(cls):
        name, _, write = field.metadata.get(_WIRE, _AS_IT_IS)
        found.append((field.name, name or field.name, write or to_json))
    return tuple(found)


@functools.cache
def _reader(kind: Any, whole: bool) -> _Read:
    """Return what reads a value of an annotation."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or kind is object:
        return lambda raw: raw
    if origin in (typing.Union, types.UnionType):
        return _optional(inner, whole)
    if origin in (tuple, frozenset):
        return functools.partial(_read_list, origin, _reader(inner[0], whole))
    if origin in (dict, Mapping):
        return functools.partial(_read_mapping, _reader(inner[0], whole), _reader(inner[1], whole))
    if isinstance(kind, type) and hasattr(kind, "parse"):
        return lambda raw: kind.parse(_read_plain(str, raw))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return functools.partial(_read_object, kind, _fields(kind, whole))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind
    return functools.partial(_read_plain, kind)


def _optional(inner: tuple[Any, ...], whole: bool) -> _Read:
    others = [each for each in inner if each is not type(None)]
    if len(others) != 1 or len(inner) != 2:
        raise TypeError(f"a field of one class or None can be read, and not {inner}")
    read = _reader(others[0], whole)
    return lambda raw: None if raw is None else read(raw)


def _refuse(wanted: str, raw: object) -> Any:
    shown = json.dumps(raw) if raw is None or isinstance(raw, bool) else reprlib.repr(raw)
    raise BadShape(f"expected {wanted}, got {shown}")


def _read_plain(kind: type, raw: Any) -> Any:
    # bool is a class of int, and none is meant.
    if type(raw) is kind or (kind is float and type(raw) is int):
        return raw
    return _refuse(_IN_WORDS.get(kind, kind.__name__), raw)


def _read_list(kind: type, read: _Read, raw: Any) -> Any:
    if not isinstance(raw, list):
        return _refuse("a list", raw)
    try:
        return kind([read(each) for each in raw])
    except (ValueError, TypeError):
        for place, each in enumerate(raw):
            try:
                read(each)
            except (ValueError, TypeError) as error:
                raise _inside(error, f"[{place}]") from error
        raise


def _read_mapping(read_key: _Read, read: _Read, raw: Any) -> Any:
    if not isinstance(raw, Mapping):
        return _refuse("an object", raw)
    found = {}
    for key, each in raw.items():
        try:
            found[read_key(key)] = read(each)
        except (ValueError, TypeError) as error:
            raise _inside(error, str(key)) from error
    return found


_Field: TypeAlias = "tuple[str, str, _Read, bool]"


def _fields(cls: type, whole: bool) -> tuple[_Field, ...]:
    """Return field, name, what reads it and whether it may be missing, of each field."""
    hints = typing.get_type_hints(cls)
    found: list[_Field] = []
    for field in dataclasses.fields(cls):
        name, read, _ = field.metadata.get(_WIRE, _AS_IT_IS)
        has_default = (field.default, field.default_factory) != (dataclasses.MISSING,) * 2
        read = read or _reader(hints[field.name], whole)
        found.append((field.name, name or field.name, read, has_default and not whole))
    return tuple(found)


def _read_object(cls: type, fields: tuple[_Field, ...], raw: Any) -> Any:
    if not isinstance(raw, Mapping):
        return _refuse("an object", raw)
    values = {}
    for field, name, read, has_default in fields:
        if name not in raw:
            if has_default:
                continue
            raise BadShape(f"it has no {name!r}")
        try:
            values[field] = read(raw[name])
        except (ValueError, TypeError) as error:
            raise _inside(error, name) from error
    return cls(**values)
