# SPDX-License-Identifier: Apache-2.0
"""Rows give back every object as it was, and nothing but text that every database takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.store.commit import same_object
from ibstack.cluster.store.journal import (
    changed_entity,
    check_paths,
    entity_text,
    properties_text,
    read_entities,
)
from ibstack.fabric.errors import BadInput

texts = st.text(st.characters(exclude_categories=()), max_size=20)
values = st.one_of(st.booleans(), st.integers(), texts, st.lists(texts, max_size=4).map(tuple))
entities = st.builds(
    Entity,
    st.just(EntityPath.of("category", "a")),
    texts,
    st.dictionaries(texts, values, max_size=5),
)


@given(entities)
def test_an_object_survives_its_row(before: Entity) -> None:
    text = properties_text(before)

    (after,) = read_entities([(str(before.path), before.type, text)])

    assert same_object(before, after)
    assert text.isascii()
    assert "\0" not in text


@given(entities)
def test_an_object_survives_its_change(before: Entity) -> None:
    after = changed_entity(before.path, entity_text(before))

    assert same_object(before, after)
    assert changed_entity(before.path, entity_text(None)) is None


@given(st.lists(st.tuples(st.sampled_from(["device", "roles"]), texts), min_size=1, max_size=2))
def test_a_path_that_is_kept_comes_back(steps: list[tuple[str, str]]) -> None:
    path = EntityPath(tuple(steps))

    try:
        check_paths([path])
    except BadInput:
        return

    assert EntityPath.parse(str(path)) == path
    str(path).encode()


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"type": ""}', '{"values": {}}', "1"])
def test_a_damaged_row_is_named(text: str) -> None:
    with pytest.raises(BadInput, match="its row 'category/a' was not written by ibstack"):
        changed_entity(EntityPath.of("category", "a"), text)


@pytest.mark.parametrize(("path", "text"), [("category/a", "{"), ("category/a", "1"), ("a", "{}")])
def test_a_damaged_object_is_named(path: str, text: str) -> None:
    with pytest.raises(BadInput, match=f"its row '{path}' was not written by ibstack"):
        list(read_entities([("category/b", "", "{}"), (path, "", text)]))


def test_objects_with_the_same_values_are_each_their_own() -> None:
    one, other = read_entities(
        [("category/a", "", '{"notes":"n"}'), ("category/b", "", '{"notes":"n"}')]
    )

    assert one.values == other.values == {"notes": "n"}
    assert one.with_value("notes", "m").values == {"notes": "m"}
    assert other.values == {"notes": "n"}
    with pytest.raises(TypeError):
        one.values["notes"] = "m"  # type: ignore[index]
