# SPDX-License-Identifier: Apache-2.0
"""Private PostgreSQL and MariaDB servers for tests: Debian's programs, a folder, a unix socket.

PostgreSQL refuses to run as root: under root it runs as Debian's account `postgres`, which its
package makes.
"""

from __future__ import annotations

import gc
import getpass
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psycopg
import pymysql
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_READY_WITHIN_S = 60
_STOPPED_WITHIN_S = 30


class Server:
    """A database server in a folder of its own, which its account may enter."""

    _socket = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """Return what SQLAlchemy connects to."""
        raise NotImplementedError

    def install(self) -> None:
        """Make its folder of data."""
        raise NotImplementedError

    def execute(self, statement: str, database: str | None = None) -> list[tuple[object, ...]]:
        """Run a statement as the server's administrator; return the rows, if it has any."""
        raise NotImplementedError

    def start(self) -> None:
        """Return when it answers."""
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(self._argv(), stdout=log, stderr=log, cwd="/")
        with unclosed_sockets():
            self._wait_until_it_answers(self._process)

    def stop(self) -> None:
        if self._process is None:
            return
        self._ask_to_stop(self._process)
        self._process.wait(_STOPPED_WITHIN_S)
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(_STOPPED_WITHIN_S)
        self._process = None

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self._answers():
            assert process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)

    def _argv(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        if not any(self.folder.glob(self._socket)):
            return False
        try:
            self.execute("SELECT 1")
        except (psycopg.Error, pymysql.MySQLError):
            return False
        return True

    def _ask_to_stop(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()


S = TypeVar("S", bound=Server)


class MariaDb(Server):
    """MariaDB, reached as its root without a password."""

    _socket = "sock"

    def url(self, database: str) -> str:
        return f"mysql://root@/{database}?unix_socket={self.folder / 'sock'}"

    def install(self) -> None:
        _run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.data}",
            f"--user={getpass.getuser()}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )

    def execute(self, statement: str, database: str | None = None) -> list[tuple[object, ...]]:
        connection = pymysql.connect(
            unix_socket=str(self.folder / "sock"), user="root", database=database
        )
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            connection.commit()
            return list(cursor.fetchall())
        finally:
            connection.close()

    def _argv(self) -> list[str]:
        return [
            *("mariadbd", "--no-defaults", f"--user={getpass.getuser()}"),
            *(f"--datadir={self.data}", f"--socket={self.folder / 'sock'}"),
            *(f"--pid-file={self.folder / 'pid'}", "--skip-networking", "--performance-schema=0"),
            # Of an old server on purpose: the store must not rest on the server's character set.
            *("--character-set-server=latin1", "--innodb-buffer-pool-size=64M"),
            # A process that is killed loses nothing that it has written: that is for power cuts.
            *("--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync"),
        ]


class PostgreSql(Server):
    """PostgreSQL, reached as its superuser without a password."""

    _socket = ".s.PGSQL.*"

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def install(self) -> None:
        initdb = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]
        _run(*_as_postgres(), str(_programs() / "initdb"), "-D", str(self.data), *initdb)
        # A password where one is asked for: the test's own account.
        (self.data / "pg_hba.conf").write_text(
            "local all asked scram-sha-256\nlocal all all trust\n"
        )

    def execute(self, statement: str, database: str | None = None) -> list[tuple[object, ...]]:
        with psycopg.connect(
            host=str(self.folder), user="postgres", dbname=database or "postgres", autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _argv(self) -> list[str]:
        settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}"]
        # A process that is killed loses nothing that it has written: that is for power cuts.
        settings += ["-c", "fsync=off"]
        return [*_as_postgres(), str(_programs() / "postgres"), "-D", str(self.data), *settings]

    def kill(self) -> None:
        """End the server, and wait for the processes of its connections to see that."""
        super().kill()
        deadline = time.monotonic() + _STOPPED_WITHIN_S
        while _run_status("pgrep", "-f", f"postgres.*{self.data}") == 0:
            assert time.monotonic() < deadline

    def _ask_to_stop(self, process: subprocess.Popen[bytes]) -> None:
        # Fast: it ends the connections, and does not wait for them.
        process.send_signal(2)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else Path("/nonexistent")


def _as_postgres() -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, cwd="/")
    assert done.returncode == 0, f"{argv[0]} exited {done.returncode}: {done.stderr}"


def _run_status(*argv: str) -> int:
    return subprocess.run(argv, capture_output=True, timeout=30).returncode


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder with a short path (a socket's has at most 107 bytes) that all may enter."""
    with tempfile.TemporaryDirectory(prefix="ibstack-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def postgresql() -> Iterator[PostgreSql]:
    """Run one, or skip the test and say what is missing."""
    if not (_programs() / "initdb").exists():
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    with _folder() as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        yield from _running(PostgreSql(folder))


@contextmanager
def mariadb() -> Iterator[MariaDb]:
    """Run one, or skip the test and say what is missing."""
    if not shutil.which("mariadbd") or not shutil.which("mariadb-install-db"):
        pytest.skip("needs MariaDB: apt-get install mariadb-server-core")
    with _folder() as folder:
        yield from _running(MariaDb(folder))


def _running(server: S) -> Iterator[S]:
    server.install()
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def unclosed_sockets() -> Iterator[None]:
    """Close what PyMySQL 2.2 leaves open where it could not connect, without a warning."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@contextmanager
def fresh_database(server: Server) -> Iterator[str]:
    """Make an empty database; yield its name."""
    name = f"cluster{time.monotonic_ns()}"
    server.execute(f"CREATE DATABASE {name}")
    yield name
    server.execute(f"DROP DATABASE {name}")
