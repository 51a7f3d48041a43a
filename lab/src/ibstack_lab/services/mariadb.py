# SPDX-License-Identifier: Apache-2.0
"""The lab's MariaDB: Debian's programs, a data folder and a unix socket of its own, no network."""

from __future__ import annotations

import getpass
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pymysql

from ibstack.fabric.errors import CommandFailed, IbstackError
from ibstack_lab.process import output_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ibstack_lab.folder import LabFolder
    from ibstack_lab.process import Process

DATABASES: Final = ("keystone", "neutron")

# The data is worth nothing after the lab, and small files are copied sooner.
_OPTIONS: Final = (
    "--skip-networking",
    "--skip-log-bin",
    "--performance-schema=0",
    "--innodb-file-per-table=0",
    "--innodb-log-file-size=8M",
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
)


class MariaDb:
    """A server that anyone who may enter its folder (mode 0700) reaches as its root."""

    def __init__(self, lab: LabFolder) -> None:
        self._lab = lab
        self._folder = lab.service("mariadb")
        self.data: Path = self._folder / "data"

    @property
    def socket(self) -> Path:
        return self._folder / "sock"

    def url(self, database: str) -> str:
        """Return what SQLAlchemy connects to."""
        return f"mysql+pymysql://root@/{database}?unix_socket={self.socket}&charset=utf8mb4"

    def install(self) -> None:
        """Make an empty data folder (a second)."""
        self._folder.mkdir(parents=True, mode=0o700)
        argv = (
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.data}",
            f"--user={getpass.getuser()}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *(option for option in _OPTIONS if option.startswith("--innodb")),
        )
        try:
            output_of(argv, "prepare the database", timeout_s=120)
        except OSError as error:
            raise CommandFailed(argv, 127, str(error), "prepare the database") from error

    def process(self) -> Process:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        argv = (
            "mariadbd",
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={self.data}",
            f"--socket={self.socket}",
            f"--pid-file={self._folder / 'pid'}",
            *_OPTIONS,
        )
        return self._lab.process("mariadb", argv)

    def ready(self) -> bool:
        try:
            self.execute(("SELECT 1",))
        except IbstackError:
            return False
        return True

    def create_databases(self) -> None:
        self.execute([f"CREATE DATABASE {name} CHARACTER SET utf8mb3" for name in DATABASES])

    def execute(self, statements: Sequence[str], database: str | None = None) -> None:
        """Run *statements*, one transaction for all; IbstackError says what the server said."""
        try:
            with closing(
                pymysql.connect(unix_socket=str(self.socket), user="root", database=database)
            ) as connection:
                with connection.cursor() as cursor:
                    for statement in statements:
                        cursor.execute(statement)
                connection.commit()
        except pymysql.MySQLError as error:
            raise IbstackError(f"cannot use the lab's database: {error}") from error
