# SPDX-License-Identifier: Apache-2.0
"""States and drafts: a draft is its base and its edits, whatever was done in what order."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.article import starting_state
from cluster.model.random_clusters import NAMES, edit_once, edited, everything
from ibstack.cluster.model import edits
from ibstack.cluster.model.catalogue import KINDS
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.index import ADDRESS, first_free, saying, used_by
from ibstack.cluster.model.state import Draft, State, View
from ibstack.fabric.errors import BadInput, BadValue, Refused

NODE = EntityPath.of("device", "node002")
SERVICE = NODE.inside("services", "opensm")


def content(view: View) -> dict[EntityPath, Entity]:
    return {entity.path: entity for entity in everything(view)}


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_changes_make_the_base_what_the_draft_is(data: st.DataObject) -> None:
    draft = edited(data)

    after = draft.base.with_changes(draft.changes(), 2)

    assert content(after) == content(draft) == content(State(iter(after)))
    for kind in KINDS:
        assert after.names(kind) == draft.names(kind)
    assert Draft(after).changes() == ()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_refused_has_changed_nothing(data: st.DataObject) -> None:
    draft = edited(data, most=5)
    before = dict(draft.edits)

    refusal = ""
    try:
        edit_once(data, draft)
    except (BadInput, Refused) as error:
        refusal = str(error)

    assert refusal.startswith("cannot ") or not refusal
    assert dict(draft.edits) == before or not refusal


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_an_object_is_edited_where_a_change_is_in_it(data: st.DataObject) -> None:
    draft = edited(data)
    changed = [change.path for change in draft.changes()]

    for path in {path for each in (*content(draft), *changed) for path in each.ancestors()}:
        within = [each for each in changed if each.is_inside(path)]
        assert draft.is_edited(path) == bool(within)
        assert [change.path for change in draft.changes(path)] == within
    assert draft.edited_kinds() == {path.top.kind for path in changed}


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_the_index_finds_what_a_look_at_all_objects_finds(data: st.DataObject) -> None:
    draft = edited(data, most=4)
    used_by(draft, NODE)
    for _ in range(3):
        try:
            edit_once(data, draft)
        except (BadInput, Refused):
            continue

    fresh = State(everything(draft))

    for kind in ("category", "device", "network", "softwareimage"):
        for name in (*fresh.names(kind), *NAMES):
            assert saying(draft, (kind, name)) == saying(fresh, (kind, name))
    for number in range(6):
        key = (ADDRESS, f"10.141.0.{number}")
        taken = saying(fresh, key)
        assert saying(draft, key) == taken
        numbers = [int(IPv4Address(key[1]))]
        assert first_free(draft, numbers) == first_free(fresh, numbers)
        assert (first_free(fresh, numbers) is None) == bool(taken)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_a_draft_on_an_equal_base_is_the_same_draft(data: st.DataObject) -> None:
    draft = edited(data)

    again = draft.rebased(starting_state())

    assert again.changes() == draft.changes()


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_refresh_drops_all_edits(data: st.DataObject) -> None:
    draft = edited(data)

    draft.refresh()

    assert draft.changes() == ()
    assert content(draft) == content(draft.base)


def test_refresh_of_one_object_leaves_the_others() -> None:
    draft = Draft(starting_state())
    edits.set_value(draft, NODE, "revision", ["a"])
    edits.add(draft, "services", "opensm", NODE)
    edits.set_value(draft, EntityPath.of("device", "node003"), "revision", ["a"])

    draft.refresh(NODE)

    assert [str(change.path) for change in draft.changes()] == ["device/node003"]
    assert draft.names("services", NODE) == []


def test_what_is_set_back_is_no_change() -> None:
    draft = Draft(starting_state())
    edits.set_value(draft, NODE, "network", ["flathostnet"])
    edits.set_value(draft, NODE, "network", ["internalnet"])

    assert draft.changes() == ()
    assert not draft.is_edited(NODE)


def test_an_added_and_removed_object_is_no_change() -> None:
    draft = Draft(starting_state())
    edits.add(draft, "services", "opensm", NODE)
    edits.remove(draft, SERVICE)

    assert draft.changes() == ()


def test_a_removed_object_takes_what_is_inside_with_it() -> None:
    draft = Draft(starting_state())
    edits.remove(draft, NODE)

    assert [str(change.path) for change in draft.changes()] == [
        "device/node002",
        "device/node002/interfaces/BOOTIF",
    ]
    assert draft.names("interfaces", NODE) == []
    assert list(draft.inside(NODE)) == []


def test_an_object_that_comes_back_comes_back_alone() -> None:
    draft = Draft(starting_state())
    edits.remove(draft, NODE)
    edits.add(draft, "device", "node002", type_="physicalnode")

    assert list(draft.inside(NODE)) == []


def test_names_are_in_the_order_in_which_people_count() -> None:
    draft = Draft(State())
    for name in ("node10", "node9", "Node1", "node09"):
        edits.add(draft, "device", name, type_="physicalnode")

    assert draft.names("device") == ["Node1", "node09", "node9", "node10"]


@pytest.mark.parametrize("text", ["", "device", "device/", "device/a/roles", "/a"])
def test_half_a_path_is_none(text: str) -> None:
    with pytest.raises(BadValue):
        EntityPath.parse(text)


def test_a_path_is_read_as_it_is_written() -> None:
    assert EntityPath.parse(str(SERVICE)) == SERVICE
