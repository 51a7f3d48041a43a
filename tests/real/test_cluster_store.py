# SPDX-License-Identifier: Apache-2.0
"""The store on real PostgreSQL and MariaDB servers, and on SQLite what needs root or time."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from cluster.store.contract import (
    NOON,
    KillContract,
    StoreContract,
    category,
    check_whole,
    commit_for_ever,
    device,
    objects,
    put,
    says_one_line,
)
from database_servers import (
    MariaDb,
    PostgreSql,
    Server,
    fresh_database,
    mariadb,
    postgresql,
    unclosed_sockets,
)
from ibstack.cluster.store.store import Store, open_store
from ibstack.fabric.errors import BadInput, TryLater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

pytestmark = pytest.mark.timeout(600)

_IBSTACK: Final = str(Path(sys.executable).with_name("ibstack"))
_SHELLS: Final = 6


@pytest.fixture(scope="module")
def postgresql_server() -> Iterator[PostgreSql]:
    with postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def mariadb_server() -> Iterator[MariaDb]:
    with mariadb() as server:
        yield server


def _shell(url: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (_IBSTACK, "shell", "--store", url, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class TestKillsOnSqlite(KillContract):
    kills = 100

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'cluster.db'}"


class ServerContract(StoreContract, KillContract):
    """What a store on a server does besides: a subclass has fixtures `server` and `database`."""

    kills = 20

    @pytest.fixture
    def database(self, server: Server) -> Iterator[str]:
        with fresh_database(server) as name:
            yield name

    @pytest.fixture
    def url(self, server: Server, database: str) -> str:
        return server.url(database)

    @pytest.fixture(autouse=True)
    def _sockets(self) -> Iterator[None]:
        with unclosed_sockets():
            yield

    def asked(self, server: Server, database: str, password: str) -> str:
        """Return the URL of an account that is asked for its password, with one."""
        raise NotImplementedError

    def hang_up(self, server: Server, database: str) -> None:
        """End the connections of the database, as a server that goes away does."""
        raise NotImplementedError

    def test_a_server_that_was_restarted_is_no_trouble(self, server: Server, store: Store) -> None:
        state = put(store, store.load(), category("a"))
        server.stop()
        try:
            with pytest.raises(TryLater) as refused:
                put(store, state, category("b"))
        finally:
            server.start()

        assert "see that the database server runs" in says_one_line(refused.value)
        assert put(store, state, category("b")).revision == 2

    def test_a_connection_lost_in_mid_commit_changes_nothing(
        self, server: Server, database: str, url: str
    ) -> None:
        def hang_up() -> datetime:
            self.hang_up(server, database)
            return NOON

        state = put(open_store(url), open_store(url).load(), category("a"))

        # The clock is read when the transaction is open.
        with pytest.raises(TryLater) as refused:
            put(open_store(url, clock=hang_up), state, category("b"))

        assert "cannot commit" in says_one_line(refused.value)
        assert objects(open_store(url).load()) == objects(state)

    def test_a_server_killed_in_mid_commit_comes_back_with_whole_commits(
        self, server: Server, url: str, fork_for: Callable[[str], None]
    ) -> None:
        store = open_store(url)
        state = put(store, store.load(), *(device(f"n{i}", number="") for i in range(60)))
        fork_for(url)
        server.kill()
        server.start()

        check_whole(store, state)

    def test_shells_that_commit_at_once_lose_nothing(self, url: str) -> None:
        shells = [
            _shell(url, "-c", f"softwareimage; add image{number}; commit")
            for number in range(_SHELLS)
        ]
        said = [shell.communicate(timeout=120)[0] for shell in shells]

        assert [shell.returncode for shell in shells] == [0] * _SHELLS, said
        state = open_store(url).load()
        assert state.names("softwareimage") == [f"image{number}" for number in range(_SHELLS)]
        assert state.revision == _SHELLS

    def test_a_shell_is_told_what_another_has_changed_under_it(self, url: str) -> None:
        made = _shell(url, "-c", "softwareimage; add base; commit")
        said, separate = made.communicate(timeout=120)
        assert said == "Successfully committed 1 SoftwareImages\n"
        assert separate is None
        first = _shell(url)
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write("softwareimage use base\nset notes first\nget notes\n")
        first.stdin.flush()
        assert first.stdout.readline() == "first\n"

        second = _shell(url, "-c", "softwareimage use base; set notes second; commit")
        second.communicate(timeout=120)
        said, _ = first.communicate("commit\n", timeout=120)

        assert (first.returncode, second.returncode) == (1, 0)
        assert "cannot commit: changed under it" in said
        assert "softwareimage/base notes: unset → second" in said

    @pytest.fixture
    def fork_for(self) -> Iterator[Callable[[str], None]]:
        """Start a process that commits for ever; return when its first commit is done."""
        fork = multiprocessing.get_context("fork")
        started, running = fork.Event(), []

        def start(url: str) -> None:
            running.append(fork.Process(target=commit_for_ever, args=(url, started)))
            running[0].start()
            assert started.wait(60)

        yield start
        for process in running:
            process.kill()
            process.join(60)

    def test_a_password_is_taken_and_a_wrong_one_not_printed(
        self, server: Server, database: str
    ) -> None:
        right = open_store(self.asked(server, database, "right-secret"))
        assert put(right, right.load(), category("a")).revision == 1

        with pytest.raises(BadInput) as refused:
            open_store(self.asked(server, database, "wrong-secret"))

        said = says_one_line(refused.value)
        assert "mend the account or its rights" in said
        assert database in said
        assert "secret" not in said

    def test_a_database_that_is_not_there_is_named(self, server: Server) -> None:
        with pytest.raises(BadInput) as refused:
            open_store(server.url("nowhere"))

        said = says_one_line(refused.value)
        assert "nowhere" in said
        assert "create it, or mend the store's URL" in said


class TestStoreOnPostgresql(ServerContract):
    @pytest.fixture
    def server(self, postgresql_server: PostgreSql) -> PostgreSql:
        return postgresql_server

    def asked(self, server: Server, database: str, password: str) -> str:
        if not server.execute("SELECT 1 FROM pg_roles WHERE rolname = 'asked'"):
            server.execute("CREATE ROLE asked SUPERUSER LOGIN PASSWORD 'right-secret'")
        return f"postgresql://asked:{password}@/{database}?host={server.folder}"

    def hang_up(self, server: Server, database: str) -> None:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{database}' AND application_name = 'ibstack'"
        )

    def test_a_connection_lost_at_the_commit_itself_says_so(
        self, server: Server, database: str, url: str
    ) -> None:
        store = open_store(url)
        state = put(store, store.load(), category("a"))
        server.execute(
            "CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$",
            database,
        )
        server.execute(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON cluster_commits"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hang_up()",
            database,
        )

        with pytest.raises(TryLater) as refused:
            put(store, state, category("b"))

        assert "look at the history before you try again" in says_one_line(refused.value)

    def test_a_database_that_is_read_only_is_read(
        self, server: Server, database: str, url: str
    ) -> None:
        state = put(open_store(url), open_store(url).load(), category("a"))
        server.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")

        store = open_store(url)

        assert objects(store.load()) == objects(state)
        with pytest.raises(BadInput, match="it is read-only"):
            put(store, state, category("b"))

    def test_a_database_of_another_encoding_is_refused(self, server: Server) -> None:
        server.execute(
            "CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'"
        )

        with pytest.raises(BadInput, match="its encoding is LATIN1; create the database with"):
            open_store(server.url("latin"))


class TestStoreOnMariaDb(ServerContract):
    @pytest.fixture
    def server(self, mariadb_server: MariaDb) -> MariaDb:
        return mariadb_server

    def asked(self, server: Server, database: str, password: str) -> str:
        server.execute("CREATE OR REPLACE USER asked@localhost IDENTIFIED BY 'right-secret'")
        server.execute(f"GRANT ALL ON {database}.* TO asked@localhost")
        return f"mysql://asked:{password}@/{database}?unix_socket={server.folder / 'sock'}"

    def hang_up(self, server: Server, database: str) -> None:
        wanted = f"SELECT id FROM information_schema.processlist WHERE db = '{database}'"
        for (connection,) in server.execute(wanted):
            server.execute(f"KILL {connection}")

    def test_an_account_that_may_not_write_reads(
        self, server: Server, database: str, url: str
    ) -> None:
        state = put(open_store(url), open_store(url).load(), category("a"))
        server.execute("CREATE OR REPLACE USER reader@localhost")
        server.execute(f"GRANT SELECT ON {database}.* TO reader@localhost")

        store = open_store(url.replace("root@", "reader@"))

        assert objects(store.load()) == objects(state)
        with pytest.raises(BadInput, match="mend the account or its rights"):
            put(store, state, category("b"))

    def test_tables_half_made_are_finished(self, server: Server, database: str, url: str) -> None:
        open_store(url)
        for table in ("cluster_version", "cluster_holds", "cluster_head"):
            server.execute(f"DROP TABLE {database}.{table}")

        store = open_store(url)

        assert put(store, store.load(), category("a")).revision == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 kB."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "small", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(ballast: Path) -> None:
    """Write to the file until its disk is full."""
    with suppress(OSError), ballast.open("wb", buffering=0) as out:
        while True:
            out.write(b"x" * 4096)


def test_a_full_disk_leaves_what_was_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    url = f"sqlite:///{small_disk / 'cluster.db'}"
    store = open_store(url)
    state = put(store, store.load(), category("a", notes="kept"))
    ballast = small_disk / "ballast"
    fill(ballast)

    with pytest.raises(TryLater) as refused:
        put(store, state, category("b", notes="x" * 300_000))

    assert says_one_line(refused.value).endswith("the disk is full; make room and try again")
    ballast.unlink()
    assert objects(open_store(url).load()) == objects(state)
    assert put(store, state, category("b", notes="x" * 1000)).revision == 2


def test_a_store_on_a_full_disk_is_not_made_by_halves(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    fill(ballast)

    with pytest.raises(TryLater, match="the disk is full"):
        open_store(f"sqlite:///{small_disk / 'cluster.db'}")

    ballast.unlink()
    assert open_store(f"sqlite:///{small_disk / 'cluster.db'}").load().revision == 0


def test_a_file_system_that_is_read_only_says_so(small_disk: Path) -> None:
    url = f"sqlite:///{small_disk / 'cluster.db'}"
    store = open_store(url)
    state = put(store, store.load(), category("a"))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)

    with pytest.raises(BadInput) as refused:
        put(store, state, category("b"))

    assert str(small_disk) in says_one_line(refused.value)
    with pytest.raises(BadInput):
        open_store(f"sqlite:///{small_disk / 'other.db'}")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert put(store, state, category("b")).revision == 2
