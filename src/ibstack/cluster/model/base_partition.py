# SPDX-License-Identifier: Apache-2.0
"""Cluster-wide settings.  There is one such object, called base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.node_settings import FROZEN_FILES, LABELS
from ibstack.cluster.model.openstack_cloud import OPENSTACK_CLOUD
from ibstack.cluster.model.value import Reference, Text, Words

if TYPE_CHECKING:
    from ibstack.cluster.model.state import View

BASE: Final = "base"
BASE_PARTITION: Final = EntityPath.of("partition", BASE)

PARTITION: Final = Kind(
    name="partition",
    singular="Partition",
    plural="Partitions",
    columns=("headnode", "defaultcategory"),
    names=(BASE,),
    key="Name",
    properties=(
        Property("Name", Text(), "", "Always base.", fixed=True),
        Property("Cluster name", Text(), "", "A name for people."),
        Property("Head node", Reference("device"), "", "The active head node; `master` means it."),
        Property("Default category", Reference("category"), "", "Of a node that is added."),
        Property(
            "Management network", Reference("network"), "", "The network nodes are managed over."
        ),
        Property("Name servers", Words(), (), "Their addresses."),
        Property("Search domain", Words(), (), "DNS zones in which short names are looked up."),
        Property("Time zone", Text(), "", "As Europe/Amsterdam."),
        Property("Time servers", Words(), (), "Their names."),
        *OPENSTACK_CLOUD,
        FROZEN_FILES,
        *LABELS,
    ),
)


def head_node(view: View) -> str:
    """Return the name of the active head node, where images and groups are; empty: none."""
    base = view.get(BASE_PARTITION)
    return base.text("headnode") if base else ""
