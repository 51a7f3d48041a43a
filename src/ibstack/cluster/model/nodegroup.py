# SPDX-License-Identifier: Apache-2.0
"""Node groups: names for sets of devices, to select them by; nothing is configured by a group."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.node_settings import LABELS
from ibstack.cluster.model.value import References, Text

NODEGROUP: Final = Kind(
    name="nodegroup",
    singular="NodeGroup",
    plural="NodeGroups",
    columns=("nodes",),
    key="Name",
    properties=(
        Property(
            "Name", Text(), "", "The group's name; genders has it as an attribute.", fixed=True
        ),
        Property("Nodes", References("device"), (), "Its members; a device can be in many groups."),
        *LABELS,
    ),
)
