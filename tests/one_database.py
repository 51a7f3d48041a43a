# SPDX-License-Identifier: Apache-2.0
"""A real MariaDB for tests of what runs inside Neutron: its locks are not those of SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa
from neutron_lib.fixture import SqlFixture
from oslo_db.sqlalchemy import engines
from sqlalchemy import orm

from ibstack_lab.folder import LabFolder
from ibstack_lab.services.mariadb import MariaDb

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack_lab.process import Process

_NAME = "neutron"


class OneDatabase:
    """An empty server in *folder*, gone on exit."""

    def __init__(self, folder: Path) -> None:
        self._server = MariaDb(LabFolder.at(folder))
        self._process: Process | None = None
        self.engine: Any = None

    def __enter__(self) -> Self:
        self._server.install()
        self._process = self._server.process()
        self._process.start()
        self._process.wait_until(self._server.ready, timeout_s=60)
        self._server.execute([f"CREATE DATABASE {_NAME} CHARACTER SET utf8mb3"])
        # As Neutron makes its own: oslo.db turns a deadlock into what Neutron retries.
        self.engine = engines.create_engine(self._server.url(_NAME))
        return self

    def __exit__(self, *_error: object) -> None:
        if self.engine is not None:
            orm.close_all_sessions()
            self.engine.dispose()
        if self._process is not None:
            self._process.stop()

    def for_neutron(self) -> SqlFixture:
        """Return the fixture that makes Neutron's tables here, and Neutron use them."""
        return _Fixture(self.engine)

    def waits_for_a_lock(self) -> bool:
        """Return whether any transaction waits for a lock of another."""
        # Not innodb_trx: whoever reads it more than ten times a second reads the same for ever
        # (its cache is refreshed after 0.1 s without a reader, trx0i_s.cc).
        waits = sa.text("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
        with self.engine.connect() as connection:
            return int(connection.execute(waits).one()[1]) > 0


class _Fixture(SqlFixture):
    def __init__(self, engine: Any) -> None:
        super().__init__()
        self.engine = engine

    def _init_resources(self) -> None:
        self._generate_schema(self.engine)

    def _delete_from_schema(self, engine: Any) -> None:
        """Nothing: the server goes away with the test."""
