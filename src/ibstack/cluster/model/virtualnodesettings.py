# SPDX-License-Identifier: Apache-2.0
"""What is particular to a virtual node."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.device import VIRTUAL
from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.value import Reference, Text

VIRTUALNODESETTINGS: Final = Kind(
    name="virtualnodesettings",
    singular="VirtualNodeSettings",
    plural="VirtualNodeSettings",
    columns=(),
    inside=("device",),
    inside_types=frozenset({VIRTUAL}),
    single=True,
    properties=(
        Property("Instance ID", Text(), "", "Of its server in OpenStack; empty: it has none yet."),
        Property("Flavor", Text(), "", "The server's flavor."),
        Property(
            "Host", Reference("device"), "", "The compute host that it is to run on; empty: any."
        ),
    ),
)
