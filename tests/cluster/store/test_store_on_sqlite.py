# SPDX-License-Identifier: Apache-2.0
"""The store in a file, and what a bad file gets."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from cluster.store.contract import KillContract, StoreContract, category, put, says_one_line
from database_servers import unclosed_sockets
from ibstack.cluster.store.store import open_store
from ibstack.fabric.errors import BadInput, TryLater

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cluster.db"


class TestStoreOnSqlite(StoreContract, KillContract):
    @pytest.fixture
    def url(self, file: Path) -> str:
        return f"sqlite:///{file}"


def test_the_file_is_its_owners_only(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    put(store, store.load(), category("a"))

    assert {each.stat().st_mode & 0o777 for each in file.parent.iterdir()} == {0o600}


def test_a_reader_does_not_hinder_a_writer(file: Path) -> None:
    store = open_store(f"sqlite:///{file}?timeout=0.05")
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")
    (before,) = reader.execute("SELECT number FROM cluster_head")

    put(store, store.load(), category("a"))

    assert [before] == reader.execute("SELECT number FROM cluster_head").fetchall() == [(0,)]
    assert store.load().revision == 1
    reader.close()


def test_a_file_that_another_program_writes_is_tried_later(file: Path) -> None:
    store = open_store(f"sqlite:///{file}?timeout=0.05")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(TryLater) as refused:
        put(store, store.load(), category("a"))

    assert says_one_line(refused.value) == (
        f"cannot commit: {file}: another program is committing; try again"
    )
    other.close()
    assert put(store, store.load(), category("a")).revision == 1


def test_a_read_only_file_is_read_and_not_written(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    state = put(store, store.load(), category("a"))

    read_only = open_store(f"sqlite:///file:{file}?mode=ro&uri=true")

    assert set(read_only.load().names("category")) == {"a"}
    with pytest.raises(BadInput) as refused:
        put(read_only, state, category("b"))
    assert "it is read-only; use an account that may write to it" in says_one_line(refused.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(file: Path) -> None:
    file.write_text("[cluster]\nname = not a database, and long enough to be looked at\n" * 40)
    before = file.read_bytes()

    with pytest.raises(BadInput) as refused:
        open_store(f"sqlite:///{file}")

    assert says_one_line(refused.value) == (
        f"cannot open the cluster's store: {file}: the file is not a database; mend the store's URL"
    )
    assert file.read_bytes() == before


def test_a_damaged_file_is_refused(file: Path) -> None:
    store = open_store(f"sqlite:///{file}")
    put(store, store.load(), *(category(f"c{number}", notes="x" * 4000) for number in range(50)))
    content = bytearray(file.read_bytes())
    content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    file.write_bytes(content)

    with pytest.raises(BadInput, match="the file is damaged; restore a backup"):
        open_store(f"sqlite:///{file}").load()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////nowhere/at/all.db", "no such file or directory; its folder must be there"),
        ("sqlite:////", "URL names no file|is a directory|cannot be opened"),
        ("sqlite://", "its URL names no file"),
        ("sqlite:///:memory:", "its URL names no file"),
        ("cluster.db", "its URL is none"),
        ("", "its URL is none"),
        ("oracle://scott:tiger@host/db", "'oracle' is not supported; expected one of sqlite"),
        ("mysql://u:secret@h:port/db", "its URL is none"),
    ],
)
def test_a_bad_url_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as refused:
        open_store(url)

    assert not {"tiger", "secret"} & set(says_one_line(refused.value).replace(":", " ").split())


@pytest.fixture
def _sockets() -> Iterator[None]:
    with unclosed_sockets():
        yield


@pytest.mark.usefixtures("_sockets")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Where the collector is quicker.
def test_a_server_that_is_away_is_tried_later(tmp_path: Path) -> None:
    for url in (
        f"postgresql://ann:secret@/cluster?host={tmp_path}",
        f"mysql://ann:secret@/cluster?unix_socket={tmp_path}/sock",
    ):
        with pytest.raises(TryLater) as refused:
            open_store(url)

        said = says_one_line(refused.value)
        assert "see that the database server runs, and try again" in said
        assert str(tmp_path) in said
        assert "secret" not in said
