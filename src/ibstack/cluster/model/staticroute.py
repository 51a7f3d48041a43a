# SPDX-License-Identifier: Apache-2.0
"""Static routes of nodes."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.value import NO_ADDRESS, Integer, Ipv4, Text

STATICROUTE: Final = Kind(
    name="staticroutes",
    singular="StaticRoute",
    plural="StaticRoutes",
    columns=("destination", "netmaskbits", "gateway"),
    inside=("category", "device"),
    overrides=True,
    key="Name",
    properties=(
        Property("Name", Text(), "", "The route's name.", fixed=True),
        Property("Destination", Ipv4(), NO_ADDRESS, "The network that it leads to."),
        Property("Netmask bits", Integer(0, 32), 24, "Of that network."),
        Property("Gateway", Ipv4(), NO_ADDRESS, "The next hop."),
        Property("Network device name", Text(), "", "The interface that it goes out by."),
        Property("Metric", Integer(0, 2**31 - 1), 0, "The lower, the sooner it is taken."),
        Property("Revision", Text(), "", "A label."),
    ),
)
