# SPDX-License-Identifier: Apache-2.0
"""The database of a store, by its URL: transactions that see one moment, and such that write alone.

A connection lasts as long as its transaction, so that a shell that is open for days holds none,
and a server that was restarted meanwhile is no trouble.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, create_engine, event, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from ibstack.cluster.store.db_errors import of_file, store_errors
from ibstack.cluster.store.schema import HEAD
from ibstack.fabric.errors import BadInput, TryLater

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlalchemy import URL, Engine

SQLITE, POSTGRESQL, MARIADB = "sqlite", "postgresql", "mysql"

_DRIVERS: Final = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
_LOCK_WAIT_S: Final = 20
"""How long a commit waits for another program's."""
_CONNECT_S: Final = 10
_ANSWER_S: Final = 120
"""After which a server that says nothing counts as gone."""
_BEGIN: Final = "ibstack_begin"
"""An option of connections: how a transaction begins on SQLite; None: there is none."""


class Database:
    """A database, and the two kinds of transactions that a store needs."""

    def __init__(self, url: str) -> None:
        """BadInput for a URL that is none, or of a database that is not supported."""
        self._url = _normal(url)
        self.backend: str = self._url.get_backend_name()
        self.where = _where(self._url)
        self._engine = _engine(self._url, self.backend)

    def make_file(self) -> None:
        """Make SQLite's file where there is none: readable by its owner only, as scripts may be."""
        name = self._url.database or ""
        if self.backend != SQLITE or name.startswith("file:") or Path(name).exists():
            return
        try:
            os.close(os.open(name, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise of_file(error, "open the cluster's store", self.where) from error

    @contextmanager
    def reading(self, doing: str) -> Iterator[Connection]:
        """Open a transaction in which all that is read is of one moment."""
        with store_errors(doing, self.where), self._engine.connect() as plain:
            connection = self._isolated(plain, "REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self, doing: str) -> Iterator[tuple[Connection, int]]:
        """Open a transaction that no other writer's overlaps, and give the last commit's number."""
        with self._writing(doing) as connection:
            # Read committed, and locked first: so what is read next is what the last writer left.
            locked = select(HEAD.c.number).with_for_update()
            yield connection, connection.execute(locked).scalar_one()

    @contextmanager
    def changing_schema(self, doing: str) -> Iterator[Connection]:
        """Open a transaction in which no other program changes the schema."""
        with self._writing(doing) as connection:
            if self.backend == POSTGRESQL:
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('ibstack'))"))
            if self.backend != MARIADB:
                yield connection
                return
            name = {"name": f"ibstack {self._url.database}"[:64], "wait": 60}
            # MariaDB ends the transaction at each CREATE TABLE: a lock of the session outlives it.
            if not connection.execute(text("SELECT GET_LOCK(:name, :wait)"), name).scalar():
                raise TryLater(f"cannot {doing}: {self.where}: locked; try again")
            yield connection

    def let_readers_and_a_writer_share(self) -> None:
        """Turn on SQLite's write-ahead log, which the file remembers.

        It needs the file alone for a moment.  Where that is not to be had the file works as well
        without, and the next program that makes or upgrades its tables tries again.
        """
        with self._engine.connect() as connection, suppress(OperationalError):
            connection.execution_options(**{_BEGIN: None})
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")

    @contextmanager
    def _writing(self, doing: str) -> Iterator[Connection]:
        with store_errors(doing, self.where), self._engine.connect() as plain:
            connection = self._isolated(plain, "READ COMMITTED")
            # A writer that first reads and then asks for the lock may be refused it at once.
            connection.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
            with connection.begin() as transaction:
                if self.backend == POSTGRESQL:
                    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT_S}s'"))
                yield connection
                try:
                    transaction.commit()
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
                    raise TryLater(
                        f"cannot tell whether it was done: {doing}: {self.where} went away in that"
                        " very moment; look at the history before you try again"
                    ) from error

    def _isolated(self, connection: Connection, level: Any) -> Connection:
        # SQLite has one level, and setting it would undo what _on_sqlite() sets.
        if self.backend == SQLITE:
            return connection
        return connection.execution_options(isolation_level=level)


def _normal(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise BadInput(
            "cannot open the cluster's store: its URL is none; expected"
            " sqlite:////PATH, postgresql://… or mysql://…"
        ) from error
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS:
        raise BadInput(
            f"cannot open the cluster's store: {backend!r} is not supported; expected one of"
            f" {', '.join(_DRIVERS)}"
        )
    if backend == SQLITE and parsed.database in (None, "", ":memory:"):
        raise BadInput("cannot open the cluster's store: its URL names no file; sqlite:////PATH")
    return parsed.set(drivername=_DRIVERS[backend])


def _where(url: URL) -> str:
    """Return which database it is, without the password, wherever in the URL that stands."""
    backend = url.get_backend_name()
    if backend == SQLITE:
        return str(url.database)
    query = {name: str(value) for name, value in url.query.items()}
    host = url.host or query.get("host") or query.get("unix_socket") or "localhost"
    port = f":{url.port}" if url.port else ""
    user = f"{url.username}@" if url.username else ""
    names = {POSTGRESQL: "PostgreSQL", MARIADB: "MariaDB"}
    return f"{names[backend]} {user}{host}{port}/{url.database or ''}"


def _engine(url: URL, backend: str) -> Engine:
    options: dict[str, dict[str, Any]] = {
        SQLITE: {"timeout": _LOCK_WAIT_S},
        POSTGRESQL: {
            "connect_timeout": _CONNECT_S,
            "keepalives_idle": _CONNECT_S,
            "tcp_user_timeout": _ANSWER_S * 1000,
            "client_encoding": "utf8",
            "application_name": "ibstack",
        },
        MARIADB: {
            "charset": "utf8mb4",
            "connect_timeout": _CONNECT_S,
            "read_timeout": _ANSWER_S,
            "write_timeout": _ANSWER_S,
            # What is too long is refused, and never cut off.
            "init_command": "SET SESSION sql_mode='STRICT_ALL_TABLES',"
            f" innodb_lock_wait_timeout={_LOCK_WAIT_S}",
        },
    }
    given = {name: value for name, value in options[backend].items() if name not in url.query}
    # Values may be secrets: they do not go into messages.
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=given)
    if backend == SQLITE:
        _on_sqlite(engine)
    return engine


def _on_sqlite(engine: Engine) -> None:
    """Let us, and not Python's module, say where transactions begin."""

    @event.listens_for(engine, "connect")
    def plain(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        statement = connection.get_execution_options().get(_BEGIN, "BEGIN")
        if statement is not None:
            connection.exec_driver_sql(statement)
