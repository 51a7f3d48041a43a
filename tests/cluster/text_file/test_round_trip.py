# SPDX-License-Identifier: Apache-2.0
"""What is exported and read back is the same cluster, and the same text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from cluster.infiniband_cluster import former_cluster, todays_cluster
from cluster.model.random_clusters import edited
from ibstack.cluster.model.catalogue import kinds_inside, top_kinds
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.state import Draft, State
from ibstack.cluster.text_file.plan import changes_to
from ibstack.cluster.text_file.reading import read
from ibstack.cluster.text_file.schema import TYPE_KEY, says_type, schema, written_properties
from ibstack.cluster.text_file.writing import export

if TYPE_CHECKING:
    from ibstack.cluster.model.kind import Kind
    from ibstack.cluster.model.value import Value

PUBLISHED = Path(__file__).parents[3] / "docs/reference/cluster-file.schema.json"
WELL_KNOWN = [
    *("yes", "No", "~", "null", "1:10", "0x10", "007", "1e3", "- a", "a: b", "# c", " x ", "{"),
    *(
        "a\nb",
        "a\nb\n",
        "\n",
        "a\n\n\nb  \n",
        "  a\nb",
        "a\r\nb",
        "tab\there",
        "ümlaut",
        "\x85",
        "\udcff",
        "a\ud800\nb",
        "{",
    ),
]


def state_of(draft: Draft) -> State:
    return draft.base.with_changes(draft.changes(), 1)


@pytest.mark.parametrize("text", ["0o17", "1e3", ".5", "-1.", "012", "1_0", "n", "2001-01-01"])
def test_what_looks_like_another_type_is_a_text_to_readers_of_either_yaml(text: str) -> None:
    exported = export(State([Entity(EntityPath.of("category", "c"), "", {"notes": text})]))

    assert as_validators_see(exported)["category"]["c"]["notes"] == text
    assert yaml.safe_load(exported)["category"]["c"]["notes"] == text


def as_validators_see(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_random_clusters_come_back_as_they_were(data: st.DataObject) -> None:
    state = state_of(edited(data))
    text = export(state)
    file = read(text)

    assert changes_to(state, file.state) == ()
    assert export(file.state) == text


@settings(deadline=None)
@given(st.one_of(st.sampled_from(WELL_KNOWN), st.text(st.characters(codec="utf-8"), min_size=1)))
def test_texts_come_back_byte_for_byte(text: str) -> None:
    values: dict[str, Value] = {"notes": text, "frozenfiles": (text, "/x")}
    state = State([Entity(EntityPath.of("category", "c"), "", values)])

    assert changes_to(state, read(export(state)).state) == ()


@pytest.mark.parametrize("make", [former_cluster, todays_cluster])
def test_what_is_exported_follows_the_schema(make: Any) -> None:
    jsonschema.Draft202012Validator(schema()).validate(as_validators_see(export(make())))


@pytest.mark.parametrize(
    "text",
    [
        "format: 2",
        "format: 1\ndevices: {}",
        "format: 1\ndevice: {a: {}}",
        "format: 1\ndevice: {a: {type: HeadNode, category: x}}",
        "format: 1\npartition: {other: {}}",
        "format: 1\nfabric: {a: {adapter: mlx6}}",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_validators_see(text), schema())
    with pytest.raises(Exception, match="cannot read the cluster file"):
        read(text)


def test_the_published_schema_is_that_of_the_catalogue() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == schema()


def test_no_property_is_called_as_a_kind_or_the_type_beside_it() -> None:
    def check(kind: Kind, type_: str) -> None:
        properties = {each.name for each in written_properties(kind, type_)}
        inner = {each.name for each in kinds_inside(kind.name, type_)}
        assert not properties & inner
        assert not (says_type(kind) and TYPE_KEY in properties)

    for top in top_kinds():
        for kind in (top, *kinds_inside(top.name)):
            for type_ in kind.types or ("",):
                check(kind, type_)
