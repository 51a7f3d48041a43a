# SPDX-License-Identifier: Apache-2.0
"""What the lab types is the cluster that the article starts from."""

import io
from pathlib import Path

from cluster import article
from ibstack.cluster.shell.registry import COMMANDS
from ibstack.cluster.shell.session import Session
from ibstack.cluster.store.store import open_store
from ibstack_lab.cluster_state import starting_state


def test_the_labs_cluster_is_the_articles(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'cluster.db'}")
    said = io.StringIO()

    assert Session(store, COMMANDS, author="lab", out=said).run(starting_state()), said.getvalue()

    found = {entity.path: (entity.type, dict(entity.values)) for entity in store.load()}
    wanted = {
        entity.path: (entity.type, dict(entity.values)) for entity in article.starting_state()
    }
    assert {path: found.get(path) for path in wanted} == wanted
    assert found.keys() == wanted.keys()
