# SPDX-License-Identifier: Apache-2.0
"""What a commit means to hosts: found by looking at some, and the same as by looking at all."""

import pytest

from cluster.article import starting_state
from ibstack.cluster.config.render import files_of
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.state import Change, State
from ibstack.cluster.rollout.host_changes import host_changes

MADE = Entity(EntityPath.of("nodegroup", "gpu"), values={"nodes": ("node002",)})


def grown(state: State, *entities: Entity) -> State:
    changes = [Change(each.path, state.get(each.path), each) for each in entities]
    return state.with_changes(changes, state.revision + 1)


def device(state: State, name: str, **values: str) -> Entity:
    found = state.get(EntityPath.of("device", name))
    assert found is not None
    for each, value in values.items():
        found = found.with_value(each, value)
    return found


@pytest.mark.parametrize("edit", ["group", "member", "move", "move and group"])
def test_no_host_is_missed_whose_files_change(edit: str) -> None:
    before = grown(starting_state(), MADE)
    edits = {
        "group": [Entity(EntityPath.of("nodegroup", "other"), values={"nodes": ("node001",)})],
        "member": [MADE.with_value("nodes", ("node002", "node003"))],
        "move": [device(before, "node003", category="openstack-network-nodes")],
    }
    edits["move and group"] = edits["move"] + edits["member"]
    after = grown(before, *edits[edit])

    changed = {each.host for each in host_changes(before, after) if each.files or each.gone}

    names = after.names("device")
    assert changed == {name for name in names if files_of(before, name) != files_of(after, name)}
    assert "headnode" in changed


def test_a_group_is_about_the_head_node_alone() -> None:
    before = starting_state()

    (change,) = host_changes(before, grown(before, MADE))

    assert change.host == "headnode"
    assert sorted(map(str, change.files)) == [
        "/etc/clustershell/groups.d/ibstack.yaml",
        "/etc/genders",
    ]
