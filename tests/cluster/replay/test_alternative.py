# SPDX-License-Identifier: Apache-2.0
"""The article's other deployment: the network node is one of the compute hosts.

It gets the image by its category (11, in place of 9 and 10), and what D6 adds to the category of
network nodes is not needed: the nine agents run without it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cluster.article import alternative_state
from cluster.infiniband_cluster import BRIDGE
from cluster.replay.article_commands import RECORDED, Step, steps
from cluster.replay.replayed import Replay, replay_of
from cluster.replay.test_end_state import CATEGORY, IMAGE, NODES, keys
from cluster.replay.test_shown import running_agents, shown_agents
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import effective, effective_roles

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_PLACE, OTHERWISE, SERVICES = 11, (9, 10), 81


def chosen() -> Iterator[Step]:
    for step in steps():
        if step.number == IN_PLACE:
            yield replace(step, type="ours")
        elif step.number == SERVICES:
            yield replace(step, typed=step.typed[:1])
        elif step.number not in OTHERWISE:
            yield step


@pytest.fixture(scope="module")
def otherwise(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    return replay_of(tmp_path_factory.mktemp("otherwise"), alternative_state(), chosen())


def test_no_command_fails(otherwise: Replay) -> None:
    failed = [number for number, each in otherwise.outcomes.items() if each.failures]

    assert failed == []
    assert otherwise.outcomes[IN_PLACE].prints == ("Successfully committed 1 Devices",)


def test_the_network_node_has_the_image_by_its_new_category(otherwise: Replay) -> None:
    state, node = otherwise.state(), EntityPath.of("device", "node001")

    assert effective(state, node, "category").value == CATEGORY
    assert effective(state, node, "softwareimage").value == IMAGE
    assert effective(state, node, "softwareimage").source == f"category:{CATEGORY}"
    assert otherwise.cluster.running("node001").image == IMAGE
    unused = EntityPath.of("category", "openstack-network-nodes")
    assert effective(state, unused, "softwareimage").value == "openstack-image"


def test_it_keeps_its_own_role_beside_those_of_the_category(otherwise: Replay) -> None:
    roles = effective_roles(otherwise.state(), "node001")

    assert {name: role.source for name, role in roles.items()} == {
        "openstacknetwork": "",
        "openstacknode": f"category:{CATEGORY}",
    }


def test_it_maps_the_interface_of_the_category(otherwise: Replay) -> None:
    assert keys(otherwise, "node001", BRIDGE) == keys(otherwise, "node002", BRIDGE)
    (mappings,) = keys(otherwise, "node001", BRIDGE)["linux_bridge", "physical_interface_mappings"]
    assert "ibhostnet:eth6" in mappings.split(",")


def test_the_nine_agents_run_without_further_services(otherwise: Replay) -> None:
    assert running_agents(otherwise) == shown_agents()


@pytest.mark.parametrize("node", NODES)
def test_every_node_is_installed_from_the_image(otherwise: Replay, node: str) -> None:
    there = otherwise.cluster.root(node) / "etc/modprobe.d/mlx4_core.conf"

    assert there.read_bytes() == (RECORDED / "image_mlx4_core.conf").read_bytes()
