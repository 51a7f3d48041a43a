# SPDX-License-Identifier: Apache-2.0
"""Bring a store's tables to what this ibstack knows, once, however many programs start at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import String, column, inspect, select, table, text

from ibstack.cluster.store.database import MARIADB, POSTGRESQL, SQLITE, Database
from ibstack.cluster.store.schema import VERSION_TABLE, VERSIONS
from ibstack.fabric.errors import BadInput

if TYPE_CHECKING:
    from sqlalchemy import Connection

_DOING: Final = "open the cluster's store"
_SCRIPTS: Final = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Make or upgrade the tables where that is needed; BadInput for a store of a newer ibstack."""
    database.make_file()
    with database.reading(_DOING) as connection:
        _check_server(connection, database)
        if _is_current(connection, database):
            return
    with database.changing_schema(_DOING) as connection:
        # Another program may have done it while this one waited.
        if not _is_current(connection, database):
            _upgrade(connection)
    if database.backend == SQLITE:
        database.let_readers_and_a_writer_share()


def _is_current(connection: Connection, database: Database) -> bool:
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    wanted = select(column("version_num", String)).select_from(table(VERSION_TABLE))
    found = connection.execute(wanted).scalar()
    if found is not None and found not in VERSIONS:
        raise BadInput(
            f"cannot {_DOING}: {database.where}: it is of a newer ibstack (schema {found}, known"
            f" here: {VERSIONS[-1]}); upgrade this ibstack"
        )
    return found == VERSIONS[-1]


def _upgrade(connection: Connection) -> None:
    # A shell must start quickly, and this is needed once in a store's life.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _check_server(connection: Connection, database: Database) -> None:
    """Refuse a server that would not give back every text as it got it."""
    if database.backend == POSTGRESQL:
        encoding = connection.execute(text("SHOW server_encoding")).scalar()
        if encoding != "UTF8":
            raise BadInput(
                f"cannot {_DOING}: {database.where}: its encoding is {encoding}; create the"
                " database with ENCODING 'UTF8'"
            )
    elif database.backend == MARIADB and not getattr(connection.dialect, "is_mariadb", False):
        raise BadInput(f"cannot {_DOING}: {database.where}: it is MySQL; use MariaDB")
