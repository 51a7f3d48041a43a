# SPDX-License-Identifier: Apache-2.0
"""Devices: the head node, physical nodes, and virtual nodes."""

from __future__ import annotations

from dataclasses import replace
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
from ibstack.cluster.model.value import NO_ADDRESS, NO_MAC, Choice, Ipv4, Mac, Reference, Text

HEAD, PHYSICAL, VIRTUAL = "HeadNode", "PhysicalNode", "VirtualNode"
NODES: Final = frozenset({PHYSICAL, VIRTUAL})
"""The types of devices that have a category and are installed from an image."""

DEVICE: Final = Kind(
    name="device",
    singular="Device",
    plural="Devices",
    columns=("type", "mac", "category", "ip", "network", "status"),
    types=(HEAD, PHYSICAL, VIRTUAL),
    key="Hostname",
    properties=(
        Property("Hostname", Text(), "", "Its short name.", fixed=True),
        Property("Type", Choice((HEAD, PHYSICAL, VIRTUAL)), "", "What it is.", fixed=True),
        Property("MAC", Mac(), NO_MAC, "Of the interface that it boots from."),
        Property("Category", Reference("category"), "", "Its category.", types=NODES),
        Property("IP", Ipv4(), NO_ADDRESS, "Its address on its network."),
        Property("Network", Reference("network"), "", "The network of that address."),
        *(replace(each, types=NODES) for each in INSTALLATION),
        Property(
            "Next install mode",
            Choice(INSTALL_MODES),
            "",
            "How it is installed the next time, and only then.",
            aliases=("nextinstallmethod",),
            types=NODES,
        ),
        Property(
            "Provisioning interface",
            Text(),
            "BOOTIF",
            "The interface it is installed over.",
            types=NODES,
        ),
        Property(
            "Provisioning transport",
            Choice(("rsyncdaemon", "rsyncssh")),
            "rsyncdaemon",
            "How its image comes to it.",
            types=NODES,
        ),
        *(replace(each, types=NODES) for each in (*BOOT, *EXCLUDE_LISTS)),
        *NETWORKING,
        FROZEN_FILES,
        *LABELS,
    ),
)
