# SPDX-License-Identifier: Apache-2.0
"""Services: what runs on a head node, a category's nodes, or a node."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.value import Boolean, Choice, Integer, Text

SERVICE: Final = Kind(
    name="services",
    singular="Service",
    plural="Services",
    columns=("monitored", "autostart", "belongstorole"),
    inside=("category", "device"),
    overrides=True,
    key="Service",
    properties=(
        Property("Revision", Text(), "", "A label."),
        Property("Service", Text(), "", "Its name, as init knows it.", fixed=True),
        Property(
            "Run if",
            Choice(("ALWAYS", "ACTIVE", "PASSIVE", "PREFERPASSIVE")),
            "ALWAYS",
            "On which of two head nodes.",
        ),
        Property("Monitored", Boolean(), False, "It is looked at, and its death is told."),
        Property(
            "Autostart",
            Boolean(),
            False,
            "It is started, and again when it died while it is monitored.",
        ),
        Property("Timeout", Integer(-1, 86400), -1, "Seconds that its script may take; -1: any."),
        Property("Sickness check script", Text(), "", "Says whether it is well."),
        Property("Sickness check script timeout", Integer(1, 86400), 10, "Seconds."),
        Property("Sickness check interval", Integer(1, 86400), 60, "Seconds."),
    ),
)
