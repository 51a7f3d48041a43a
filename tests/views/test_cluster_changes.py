# SPDX-License-Identifier: Apache-2.0
"""A cluster made what a file says, taken back, and its past, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluster.article import starting_state
from ibstack.cluster.model.state import State
from ibstack.cluster.store.conflict import Conflict
from ibstack.cluster.store.store import open_store
from ibstack.cluster.text_file.nodes import BadFile
from ibstack.cluster.text_file.plan import changes_to
from ibstack.views.cluster import Cluster
from ibstack.views.cluster_changes import (
    Planned,
    changes_on_hosts,
    commit,
    exported,
    history,
    planned,
    read_file,
    undo,
)

if TYPE_CHECKING:
    from pathlib import Path

NAME = "cluster.yaml"


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    store = open_store(f"sqlite:///{tmp_path}/cluster.db")
    store.commit(changes_to(State(), starting_state()), base=store.load(), author="somebody")
    return Cluster(store, None)


def edited(cluster: Cluster, mtu: int = 4092) -> Planned:
    """Return the plan of a file with one property of one fabric made another."""
    text = exported(cluster, secrets=True)
    line = next(each for each in text.splitlines() if "keyrange" in each)
    return planned(cluster, read_file(text.replace(line, f"    mtu: '{mtu}'", 1), NAME))


def test_what_is_exported_is_planned_no_more(cluster: Cluster) -> None:
    plan = planned(cluster, read_file(exported(cluster, secrets=True), NAME))

    assert (plan.changes, plan.lines, plan.warnings) == ((), [], ())


def test_a_plan_is_told_in_words_and_changes_nothing(cluster: Cluster) -> None:
    before = exported(cluster, secrets=True)

    plan = edited(cluster)

    assert "    mtu: 4092" in "\n".join(plan.lines)
    assert changes_on_hosts(cluster, plan)
    assert exported(cluster, secrets=True) == before


def test_a_commit_is_in_the_history_and_an_undo_takes_it_back(cluster: Cluster) -> None:
    before = exported(cluster, secrets=True)

    done = commit(cluster, edited(cluster), "me")

    assert done.after.revision == cluster.store.load().revision == done.before.revision + 1
    newest, first = history(cluster, 20)
    assert (newest.number, newest.author, newest.objects) == (2, "me", ("fabric/ibhostnet",))
    assert first.author == "somebody"
    assert newest.time.endswith("Z")
    assert [each.number for each in history(cluster, 1)] == [2]
    assert history(cluster, -1) == []

    assert "    mtu: 4092 -> unset" in "\n".join(undo(cluster, 2, "me").lines)
    assert exported(cluster, secrets=True) == before


def test_of_two_who_planned_for_one_object_the_second_is_refused(cluster: Cluster) -> None:
    mine, theirs = edited(cluster), edited(cluster, 2044)
    commit(cluster, theirs, "they")

    with pytest.raises(Conflict, match="fabric/ibhostnet"):
        commit(cluster, mine, "me")


def test_a_file_that_cannot_be_meant_is_told_with_its_name() -> None:
    with pytest.raises(BadFile, match=f"cannot read the cluster file {NAME}"):
        read_file("fabric: {ibhostnet: {mut: '4092'}}\n", NAME)
