# SPDX-License-Identifier: Apache-2.0
"""A file that is applied is what the store then says, and applying it again does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cluster.article import starting_state
from cluster.model.random_clusters import edited
from ibstack.cluster.model.state import State
from ibstack.cluster.store.store import open_store
from ibstack.cluster.text_file.nodes import BadFile
from ibstack.cluster.text_file.plan import plan
from ibstack.cluster.text_file.reading import read
from ibstack.cluster.text_file.writing import export

if TYPE_CHECKING:
    from pathlib import Path


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_applying_arrives_and_a_second_time_does_nothing(
    tmp_path: Path, data: st.DataObject
) -> None:
    wanted = edited(data)
    text = export(wanted)
    base = starting_state()
    present = State(base, revision=0)
    try:
        changes = plan(present, read(text))
    except BadFile:
        assume(False)
    path = tmp_path / "cluster.db"
    path.unlink(missing_ok=True)
    store = open_store(f"sqlite:///{path}")
    first = store.commit(plan(State(), read(export(base))), base=store.load(), author="a")
    after = store.commit(changes, base=first, author="a") if changes else first

    assert export(after) == export(store.load()) == text
    assert plan(store.load(), read(text)) == ()
