# SPDX-License-Identifier: Apache-2.0
"""The statements of a store, on a connection inside a transaction: each in bulk."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select, update

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.state import Change
from ibstack.cluster.store.commit import Commit
from ibstack.cluster.store.rows import changed_entity, entity_text, properties_text, read_entities
from ibstack.cluster.store.schema import CHANGES, COMMITS, HEAD, OBJECTS, OPERATOR_STOPPED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from ibstack.cluster.model.entity import Entity

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
