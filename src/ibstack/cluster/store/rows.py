# SPDX-License-Identifier: Apache-2.0
"""Objects as rows and back.

Values are kept as JSON in ASCII: so every text survives every database, a NUL and half a surrogate
pair (a byte of a terminal that was no UTF-8) included, and no server rewrites it.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.store.schema import LARGEST_BYTES, LONGEST_NAME, LONGEST_PATH
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ibstack.cluster.model.value import Value

_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode: Final = json.JSONDecoder().raw_decode


def properties_text(entity: Entity) -> str:
    """Return the object's values as the table holds them."""
    return _encode(dict(entity.values))


def entity_text(entity: Entity | None) -> str | None:
    """Return an object but for its path, as a change holds it; BadInput if it is too large."""
    if entity is None:
        return None
    text = _encode({"type": entity.type, "values": dict(entity.values)})
    if len(text) > LARGEST_BYTES:
        raise BadInput(
            f"cannot commit {str(entity.path)!r}: its values have {len(text)} bytes, more than"
            f" {LARGEST_BYTES}; keep large files elsewhere"
        )
    return text


def read_entities(rows: Iterable[tuple[str, str, str]]) -> Iterator[Entity]:
    """Read rows (path, type, properties); BadInput where one was not written by this module."""
    # Many objects have the same values, as all interfaces on one network.
    known: dict[str, Mapping[str, Value]] = {}
    for path, type_, properties in rows:
        try:
            values = known.get(properties)
            if values is None:
                # Half the time of loads(), which looks for blanks too.
                found, end = _decode(properties)
                if end != len(properties):
                    raise ValueError("more than one value")
                # Only a list is kept otherwise than JSON has it, and most objects have none.
                plain = "[" not in properties and found.__class__ is dict
                values = MappingProxyType(found if plain else _values(found))
                known[properties] = values
            yield Entity(EntityPath.parse(path), type_, values)
        except (ValueError, AttributeError) as error:
            raise _damaged(path) from error


def changed_entity(path: EntityPath, text: str | None) -> Entity | None:
    """Read what entity_text() wrote."""
    if text is None:
        return None
    try:
        found = json.loads(text)
        return Entity(path, found["type"], _values(found["values"]))
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise _damaged(str(path)) from error


def _values(found: dict[str, Any]) -> dict[str, Value]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in found.items()}


def _damaged(path: str) -> BadInput:
    return BadInput(
        f"cannot read the cluster: its row {path!r} was not written by ibstack; restore a backup"
    )


def check_paths(paths: Iterable[EntityPath]) -> None:
    """Refuse, before anything is written, paths that no database would give back as they are."""
    for path in paths:
        text = str(path)
        if not _can_be_kept(path, text):
            raise BadInput(
                f"cannot commit {text!r}: a name has at most {LONGEST_NAME} characters, of text"
                " without control characters; give it another name"
            )


def _can_be_kept(path: EntityPath, text: str) -> bool:
    words = [word for step in path.steps for word in step]
    if len(text) > LONGEST_PATH or not all(0 < len(word) <= LONGEST_NAME for word in words):
        return False
    # isprintable() is false of controls and of lone surrogates, which no database takes.
    return text.isprintable() and text.count("/") == len(words) - 1
