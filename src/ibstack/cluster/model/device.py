# SPDX-License-Identifier: Apache-2.0
"""Devices, the categories and groups that they are in, and what is particular to a virtual node."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property, of_types
from ibstack.cluster.model.node_settings import (
    BOOT,
    EXCLUDE_LISTS,
    FROZEN_FILES,
    INSTALL_MODES,
    INSTALLATION,
    LABELS,
    NETWORKING,
)
from ibstack.cluster.model.value import Choice, Ipv4, Mac, Reference, References, Text

CATEGORY: Final = Kind(
    name="category",
    singular="Category",
    plural="Categories",
    columns=("softwareimage", "nodes"),
    key="Name",
    properties=(
        Property("Name", Text(), "The category's name.", fixed=True),
        *INSTALLATION,
        Property(
            "New node install mode",
            Choice(INSTALL_MODES),
            "How a node is installed the first time.",
            default="FULL",
        ),
        *BOOT,
        *EXCLUDE_LISTS,
        *NETWORKING,
        FROZEN_FILES,
        *LABELS,
    ),
)


NODEGROUP: Final = Kind(
    name="nodegroup",
    singular="NodeGroup",
    columns=("nodes",),
    key="Name",
    properties=(
        Property("Name", Text(), "The group's name; genders has it as an attribute.", fixed=True),
        Property("Nodes", References("device"), "Its members; a device can be in many groups."),
        *LABELS,
    ),
)


HEAD, PHYSICAL, VIRTUAL = "HeadNode", "PhysicalNode", "VirtualNode"
NODES: Final = frozenset({PHYSICAL, VIRTUAL})
"""The types of devices that have a category and are installed from an image."""

DEVICE: Final = Kind(
    name="device",
    singular="Device",
    columns=("type", "mac", "category", "ip", "network", "status"),
    types=(HEAD, PHYSICAL, VIRTUAL),
    key="Hostname",
    properties=(
        Property("Hostname", Text(), "Its short name.", fixed=True),
        Property("Type", Choice((HEAD, PHYSICAL, VIRTUAL)), "What it is.", fixed=True),
        Property("MAC", Mac(), "Of the interface that it boots from."),
        Property("Category", Reference("category"), "Its category.", types=NODES),
        Property("IP", Ipv4(), "Its address on its network."),
        Property("Network", Reference("network"), "The network of that address."),
        *of_types(
            NODES,
            *INSTALLATION,
            Property(
                "Next install mode",
                Choice(INSTALL_MODES),
                "How it is installed the next time, and only then.",
                aliases=("nextinstallmethod",),
            ),
            Property(
                "Provisioning interface",
                Text(),
                "The interface it is installed over.",
                default="BOOTIF",
            ),
            Property(
                "Provisioning transport",
                Choice(("rsyncdaemon", "rsyncssh")),
                "How its image comes to it.",
                default="rsyncdaemon",
            ),
            *BOOT,
            *EXCLUDE_LISTS,
        ),
        *NETWORKING,
        FROZEN_FILES,
        *LABELS,
    ),
)


VIRTUALNODESETTINGS: Final = Kind(
    name="virtualnodesettings",
    singular="VirtualNodeSettings",
    plural="VirtualNodeSettings",
    columns=(),
    inside=("device",),
    inside_types=frozenset({VIRTUAL}),
    single=True,
    properties=(
        Property("Instance ID", Text(), "Of its server in OpenStack; empty: it has none yet."),
        Property("Flavor", Text(), "The server's flavor."),
        Property("Host", Reference("device"), "The compute host that it is to run on; empty: any."),
    ),
)
