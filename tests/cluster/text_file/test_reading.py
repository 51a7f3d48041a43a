# SPDX-License-Identifier: Apache-2.0
"""Faults of a file are told all at once, with line, column and the nearest name."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.article import starting_state
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.kind import SINGLE
from ibstack.cluster.model.state import State
from ibstack.cluster.text_file.nodes import BadFile
from ibstack.cluster.text_file.plan import plan
from ibstack.cluster.text_file.reading import read
from ibstack.cluster.text_file.writing import export

NODE = "format: 1\ndevice:\n  n1:\n    type: PhysicalNode\n"
CASES = [
    ("", "1:1: it is empty; expected format: 1"),
    ("a: [", "1:5: it is not YAML: "),
    ("format: 1\n\x01", "1:1: it is not YAML: unacceptable character"),
    ("format: 1\na: [\n", "3:1: it is not YAML: "),
    ("a: *b", "1:4: it is not YAML: found undefined alias 'b'"),
    ("a: &a [*a]", "1:8: it is not YAML: found undefined alias 'a'"),
    ("a: 1\n---\nb: 1", "2:1: it is not YAML: expected a single document"),
    ("[" * 100_000, "1:65: it is not YAML: it is nested too deep"),
    ("- " * 100_000, "1:129: it is not YAML: it is nested too deep"),
    ("a: \udcff", "it is not YAML: unacceptable character #xdcff"),
    ("[]", "1:1: expected names with values below the file"),
    ("device:", "1:1: it does not say format: 1"),
    ("format: 9", "1:9: this version reads format: 1 only"),
    ("format: 1\nformat: 1", "2:1: format is there twice"),
    ("format: 1\n? [a]\n: b", "2:3: expected a name"),
    ("format: 1\ndevices:", "2:1: there is no kind of objects 'devices'; did you mean device?"),
    ("format: 1\ndevice:\n  a b: {}", "3:3: 'a b' is not the name of a host"),
    ("format: 1\ndevice:\n  a: {}", "3:3: it has no type; expected type: one of HeadNode,"),
    ("format: 1\ndevice:\n  a: {type: Head}", "3:13: there is no type 'Head'; expected one of"),
    ("format: 1\npartition:\n  bas:", "3:3: there is no partition 'bas'; did you mean base?"),
    (f"{NODE}    mack: x", "5:5: a PhysicalNode has no property 'mack'; did you mean mac?"),
    (f"{NODE}    hostname: x", "5:5: a PhysicalNode has no property 'hostname'"),
    (f"{NODE}    role: {{}}", "did you mean roles?"),
    (f"{NODE}    ip: 1.2", "5:9: ip: IPv4 address '1.2': expected a.b.c.d"),
    (f"{NODE}    ip: [a]", "5:9: expected one value for ip"),
    (f"{NODE}    ip:", "expected one value for ip"),
    (f"{NODE}    frozenfiles: [[a]]", "5:19: expected a list of texts for frozenfiles"),
    (
        f"{NODE}    nextinstallmode: FULL\n    nextinstallmethod: FULL",
        "6:5: nextinstallmode is there twice",
    ),
    (f"{NODE}    roles: {{openstacknod: }}", "5:13: there is no role 'openstacknod'; did you mean"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_fault_is_told_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(BadFile) as caught:
        read(text, "c.yaml")

    assert expected in str(caught.value)
    assert all(
        line.startswith("cannot read the cluster file c.yaml:")
        for line in str(caught.value).splitlines()
    )


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(BadFile) as caught:
        read("format: 1\nfabric:\n  a: {mtu: 1}\n  b: {adapter: x}\nx:\n")

    assert [str(each.at) for each in caught.value.faults] == ["3:12", "4:16", "5:1"]


@settings(deadline=None)
@given(st.text(max_size=80))
def test_no_text_raises_anything_but_ours(text: str) -> None:
    with contextlib.suppress(BadFile):
        assert read(text).state is not None


def test_aliases_of_properties_are_taken_and_what_comes_with_an_object_comes() -> None:
    state = read(
        "format: 1\ndevice:\n  v1:\n    type: virtualnode\n    nextinstallmethod: full\n"
    ).state
    node = EntityPath.of("device", "v1")
    entity = state.get(node)

    assert entity is not None
    assert (entity.type, dict(entity.values)) == ("VirtualNode", {"nextinstallmode": "FULL"})
    assert state.get(node.inside("virtualnodesettings", SINGLE)) is not None


def test_anchors_spare_repetition() -> None:
    shared = "format: 1\nfabric:\n  a: &a {keyrange: '1:9'}\n  b: *a\n"

    assert {dict(each.values)["keyrange"] for each in read(shared).state} == {"1:9"}


def test_what_must_not_be_committed_is_told_with_its_place_and_the_nearest_name() -> None:
    text = export(starting_state()).replace("category: virtual-nodes", "category: virtual-node", 1)
    line = text[: text.index("category: virtual-node\n")].count("\n") + 1
    with pytest.raises(BadFile) as caught:
        plan(starting_state(), read(text, "c.yaml"))

    assert f"c.yaml:{line}:15: device vnode001: Category: there is no category" in str(caught.value)
    assert "did you mean virtual-nodes?" in str(caught.value)


def test_the_base_partition_is_not_removed() -> None:
    with pytest.raises(BadFile, match="it has no partition base, which cannot be removed"):
        plan(starting_state(), read("format: 1"))


def test_a_reference_to_what_the_file_leaves_out_is_told() -> None:
    text = export(starting_state()).replace("  openstack-network-nodes:\n", "  other:\n", 1)
    with pytest.raises(BadFile, match="device node001: Category: there is no category"):
        plan(starting_state(), read(text))


def test_a_new_cluster_is_made_of_additions() -> None:
    changes = plan(State(), read(export(starting_state())))

    assert len(changes) == len(starting_state())
    assert all(each.before is None for each in changes)
