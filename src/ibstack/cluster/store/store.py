# SPDX-License-Identifier: Apache-2.0
"""A cluster's store: its state, its history, and commits that are done as a whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.state import Change, State
from ibstack.cluster.store.commit import Commit, same_object
from ibstack.cluster.store.conflict import Conflict, clashes, reversal
from ibstack.cluster.store.database import Database
from ibstack.cluster.store.journal import (
    add_operator_stopped,
    check_paths,
    drop_operator_stopped,
    drop_operator_stopped_of,
    head_number,
    read_commits,
    read_objects,
    read_operator_stopped,
    write_commit,
)
from ibstack.cluster.store.migrate import migrate
from ibstack.fabric.errors import BadInput, Refused
from ibstack.runtime.gc_pause import paused_collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection

_READ: Final = "read the cluster's store"


def _now() -> datetime:
    return datetime.now(UTC)


def open_store(url: str, *, clock: Callable[[], datetime] = _now) -> Store:
    """Return the store at *url*, its tables made or upgraded where that is needed.

    `sqlite:////PATH`, `postgresql://…` or `mysql://…` (MariaDB).
    """
    database = Database(url)
    migrate(database)
    return Store(database, clock=clock)


class Store:
    """A cluster in a database.  Safe to share between threads, programs and hosts.

    Every method raises TryLater where the database is away, locked or full, and BadInput for what
    a person must mend; in either case nothing was changed.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._clock = clock

    @property
    def where(self) -> str:
        """Which database it is, for a person, without the password."""
        return self._database.where

    def load(self, known: State | None = None) -> State:
        """Return the state as of the last commit; *known* itself where it is that."""
        with paused_collector(), self._database.reading(_READ) as connection:
            number = head_number(connection)
            if known is not None and known.revision == number:
                return known
            return State(read_objects(connection), number)

    def commit(self, changes: Sequence[Change], *, base: State, author: str) -> State:
        """Commit *changes* of *base*, in one transaction; return the state with all commits so far.

        Conflict where another commit since *base* touched one of the same objects, removed what
        these refer to or lie inside of, or refers to what these remove.
        """
        ours = _real_changes(changes, base)
        check_paths(change.path for change in ours)
        with self._database.writing("commit") as (connection, number):
            _check_revision(base, number, self.where)
            theirs = read_commits(connection, after=base.revision)
            found = clashes(ours, theirs)
            if found:
                raise Conflict("commit", found, "refresh, and change it again")
            if ours:
                number += 1
                self._write(connection, number, author, ours)
        between = (change for commit in theirs for change in commit.changes)
        return base if number == base.revision else base.with_changes((*between, *ours), number)

    def undo(self, number: int, *, author: str, known: State | None = None) -> State:
        """Commit what takes commit *number* back, property by property; return the new state.

        Conflict where a property no longer has the value that the commit gave it, or something
        needs an object that would go.  *known*: as of load(), to save the reading.
        """
        doing = f"undo commit {number}"
        with self._database.reading(doing) as connection:
            last = head_number(connection)
            commit, *later = self._from(connection, number, last)
            if known is None or known.revision != last:
                known = State(read_objects(connection), last)
        changes = _real_changes(reversal(commit, known, later), known)
        if not changes:
            raise Refused(f"cannot {doing}: nothing of it is left")
        # Others wait for this write, and not for all that was read and thought before.
        return self.commit(changes, base=known, author=author)

    def history(self, limit: int | None = None, *, before: int | None = None) -> list[Commit]:
        """Return the last *limit* commits (of those below *before*), or all; the newest first."""
        with self._database.reading("read the history") as connection:
            return read_commits(connection, before=before, last=limit)[::-1]

    def operator_stopped(self) -> frozenset[tuple[str, str]]:
        """Return the devices and services that an operator stopped, and which stay stopped."""
        with self._database.reading(_READ) as connection:
            return read_operator_stopped(connection)

    def keep_stopped(self, device: str, service: str) -> None:
        """Remember that an operator stopped the service; at once, and not in history."""
        with self._database.writing(f"keep {service} on {device} stopped") as (connection, _):
            add_operator_stopped(connection, device, service)

    def let_start(self, device: str, service: str) -> None:
        """Forget keep_stopped()."""
        with self._database.writing(f"let {service} on {device} start again") as (connection, _):
            drop_operator_stopped(connection, device, service)

    def _from(self, connection: Connection, number: int, last: int) -> list[Commit]:
        if not 1 <= number <= last:
            known = f"the last one is {last}" if last else "nothing was committed yet"
            raise BadInput(f"cannot undo commit {number}: there is no such commit; {known}")
        return read_commits(connection, after=number - 1)

    def _write(
        self, connection: Connection, number: int, author: str, changes: tuple[Change, ...]
    ) -> None:
        write_commit(connection, Commit(number, _plain(author), self._clock(), changes))
        gone = [
            change.path.name
            for change in changes
            if change.after is None and change.path.parent is None and change.path.kind == "device"
        ]
        drop_operator_stopped_of(connection, gone)


def _real_changes(changes: Iterable[Change], base: State) -> tuple[Change, ...]:
    """Return *changes* with what *base* really has as their before; without those of nothing."""
    known = (Change(each.path, base.get(each.path), each.after) for each in changes)
    return tuple(each for each in known if not same_object(each.before, each.after))


def _check_revision(base: State, number: int, where: str) -> None:
    if base.revision > number:
        raise Refused(
            f"cannot commit: {where}: its last commit is {number}, and what was changed is of"
            f" commit {base.revision}: an older store was put in its place; refresh"
        )


def _plain(author: str) -> str:
    """Return a name that every database takes."""
    return author.encode("utf-8", "backslashreplace").decode().replace("\0", "")
