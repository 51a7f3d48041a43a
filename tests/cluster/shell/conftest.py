# SPDX-License-Identifier: Apache-2.0
"""A store with the article's cluster is made once; each test gets a copy of it."""

from pathlib import Path

import pytest

from cluster.shell.shells import Shell, new_store, open_copy, open_shell
from ibstack.cluster.shell.unix_commands import UnixShell
from ibstack.cluster.store.store import Store


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_store(tmp_path_factory.mktemp("store"))


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Store:
    return open_copy(template, tmp_path)


@pytest.fixture
def shell(store: Store) -> Shell:
    return open_shell(store, unix=UnixShell())
