# SPDX-License-Identifier: Apache-2.0
"""Categories: groups of nodes that are configured alike; each node is in exactly one."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.node_settings import (
    BOOT,
    EXCLUDE_LISTS,
    FROZEN_FILES,
    INSTALL_MODES,
    INSTALLATION,
    LABELS,
    NETWORKING,
)
from ibstack.cluster.model.value import Choice, Text

CATEGORY: Final = Kind(
    name="category",
    singular="Category",
    plural="Categories",
    columns=("softwareimage", "nodes"),
    key="Name",
    properties=(
        Property("Name", Text(), "", "The category's name.", fixed=True),
        *INSTALLATION,
        Property(
            "New node install mode",
            Choice(INSTALL_MODES),
            "FULL",
            "How a node is installed the first time.",
        ),
        *BOOT,
        *EXCLUDE_LISTS,
        *NETWORKING,
        FROZEN_FILES,
        *LABELS,
    ),
)
