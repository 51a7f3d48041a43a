# SPDX-License-Identifier: Apache-2.0
"""The statements of a store, on a connection inside a transaction, each in bulk; objects as rows.

Values are kept as JSON in ASCII: so every text survives every database, a NUL and half a surrogate
pair (a byte of a terminal that was no UTF-8) included, and no server rewrites it.
"""

from __future__ import annotations

import json
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, select, update

from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.state import Change
from ibstack.cluster.store.commit import Commit
from ibstack.cluster.store.schema import (
    CHANGES,
    COMMITS,
    HEAD,
    LARGEST_BYTES,
    LONGEST_NAME,
    LONGEST_PATH,
    OBJECTS,
    OPERATOR_STOPPED,
)
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

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


_AT_ONCE: Final = 500
"""Parameters of one statement: SQLite of old takes 999."""


def head_number(connection: Connection) -> int:
    """Return the number of the last commit; 0: there is none."""
    return int(connection.execute(select(HEAD.c.number)).scalar_one())


def read_objects(connection: Connection) -> Iterator[Entity]:
    """Yield all objects."""
    wanted = select(OBJECTS.c.path, OBJECTS.c.type, OBJECTS.c.properties)
    # All rows at once: one by one they take half as long again.
    return read_entities(connection.execute(wanted).all())


def read_commits(
    connection: Connection, *, after: int = 0, before: int | None = None, last: int | None = None
) -> list[Commit]:
    """Return the commits of numbers above *after* and below *before*, or the *last* of these."""
    wanted = select(COMMITS.c.number, COMMITS.c.author, COMMITS.c.at).where(
        COMMITS.c.number > after
    )
    if before is not None:
        wanted = wanted.where(COMMITS.c.number < before)
    rows = connection.execute(wanted.order_by(COMMITS.c.number.desc()).limit(last)).all()[::-1]
    if not rows:
        return []
    changes = _read_changes(connection, rows[0].number, rows[-1].number)
    return [
        Commit(row.number, row.author, datetime.fromisoformat(row.at), tuple(changes[row.number]))
        for row in rows
    ]


def _read_changes(connection: Connection, first: int, last: int) -> dict[int, list[Change]]:
    found: dict[int, list[Change]] = {number: [] for number in range(first, last + 1)}
    wanted = select(CHANGES).where(CHANGES.c.number >= first, CHANGES.c.number <= last)
    for number, text, before, after in connection.execute(wanted):
        path = EntityPath.parse(text)
        change = Change(path, changed_entity(path, before), changed_entity(path, after))
        found[number].append(change)
    for changes in found.values():
        changes.sort(key=lambda change: change.path)
    return found


def write_commit(connection: Connection, commit: Commit) -> None:
    """Put the commit into history, and what it changed into the table of objects."""
    number = commit.number
    at = commit.at.isoformat(timespec="microseconds")
    changes = [
        {
            "number": number,
            "path": str(change.path),
            "before": entity_text(change.before),
            "after": entity_text(change.after),
        }
        for change in commit.changes
    ]
    connection.execute(insert(COMMITS), [{"number": number, "author": commit.author, "at": at}])
    connection.execute(insert(CHANGES), changes)
    # What is replaced goes and comes again: two statements in bulk, where an UPDATE would be one
    # for each object.
    replaced = [str(change.path) for change in commit.changes if change.before is not None]
    for start in range(0, len(replaced), _AT_ONCE):
        some = replaced[start : start + _AT_ONCE]
        connection.execute(delete(OBJECTS).where(OBJECTS.c.path.in_(some)))
    rows = [_row(change.after) for change in commit.changes if change.after is not None]
    if rows:
        connection.execute(insert(OBJECTS), rows)
    connection.execute(update(HEAD).values(number=number))


def _row(entity: Entity) -> dict[str, str]:
    return {
        "path": str(entity.path),
        "kind": entity.path.kind,
        "type": entity.type,
        "properties": properties_text(entity),
    }


def read_operator_stopped(connection: Connection) -> frozenset[tuple[str, str]]:
    """Return the devices and services that an operator stopped."""
    return frozenset(
        (row.device, row.service) for row in connection.execute(select(OPERATOR_STOPPED))
    )


def add_operator_stopped(connection: Connection, device: str, service: str) -> None:
    """Note one; once more changes nothing."""
    if (device, service) not in read_operator_stopped(connection):
        connection.execute(insert(OPERATOR_STOPPED).values(device=device, service=service))


def drop_operator_stopped(connection: Connection, device: str, service: str) -> None:
    """Forget one; once more changes nothing."""
    mine = (OPERATOR_STOPPED.c.device == device) & (OPERATOR_STOPPED.c.service == service)
    connection.execute(delete(OPERATOR_STOPPED).where(mine))


def drop_operator_stopped_of(connection: Connection, devices: Sequence[str]) -> None:
    """Forget all of *devices*."""
    for start in range(0, len(devices), _AT_ONCE):
        some = devices[start : start + _AT_ONCE]
        connection.execute(delete(OPERATOR_STOPPED).where(OPERATOR_STOPPED.c.device.in_(some)))
