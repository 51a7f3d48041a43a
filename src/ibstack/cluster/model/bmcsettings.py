# SPDX-License-Identifier: Apache-2.0
"""How a node's management controller (BMC) is reached; a node's own over its category's."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.value import Choice, Integer, Text

BMCSETTINGS: Final = Kind(
    name="bmcsettings",
    singular="BMCSettings",
    plural="BMCSettings",
    columns=(),
    inside=("category", "device"),
    single=True,
    kept_when_set=True,
    properties=(
        Property("User name", Text(), "", "Who logs in.", inherits=True),
        Property("User ID", Integer(0, 63), 0, "That user's number; 0: none.", inherits=True),
        # Exports and histories are kept in places where no password belongs.
        Property(
            "Password file",
            Text(),
            "",
            "A file on the head node that has the password, and nothing else has it.",
            inherits=True,
        ),
        Property(
            "Privilege",
            Choice(("CALLBACK", "USER", "OPERATOR", "ADMINISTRATOR", "OEM")),
            "ADMINISTRATOR",
            "As whom.",
            inherits=True,
        ),
        Property(
            "Power reset delay",
            Integer(0, 3600),
            0,
            "Seconds between off and on of a reset.",
            inherits=True,
        ),
        Property("Extra arguments", Text(), "", "Of the program that speaks to it.", inherits=True),
    ),
)
