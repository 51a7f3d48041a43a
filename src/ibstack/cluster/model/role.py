# SPDX-License-Identifier: Apache-2.0
"""Roles: what a head node, category or node is for, with what it needs to be set for that."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.base_partition import OPENSTACK_CLOUD
from ibstack.cluster.model.kind import Kind, Property, inherited, of_types
from ibstack.cluster.model.value import Choice, Integer, Reference, References, Text, Words

OPENSTACK_NODE, OPENSTACK_NETWORK = "openstacknode", "openstacknetwork"
SUBNET_MANAGER, INFINIBAND_HOST = "subnetmanager", "infinibandhost"
_OPENSTACK: Final = frozenset({OPENSTACK_NODE, OPENSTACK_NETWORK})

ROLE: Final = Kind(
    name="roles",
    singular="Role",
    columns=(),
    inside=("category", "device"),
    names=(OPENSTACK_NODE, OPENSTACK_NETWORK, SUBNET_MANAGER, INFINIBAND_HOST),
    types=(OPENSTACK_NODE, OPENSTACK_NETWORK, SUBNET_MANAGER, INFINIBAND_HOST),
    properties=(
        Property("Name", Text(), "The role's name.", fixed=True),
        Property(
            "Config file modifications",
            Words(),
            "Edits: -PATH[SECTION]KEY drops one, +PATH[SECTION]KEY=VALUE sets it.",
        ),
        Property(
            "Merge",
            Choice(("override", "keys")),
            "override: it stands for the category's role; keys: its keys are added to that.",
            default="override",
        ),
        *of_types(_OPENSTACK, *inherited(*OPENSTACK_CLOUD)),
        Property(
            "Interface mappings",
            Words(),
            "PHYSICAL_NETWORK:INTERFACE of networks that are not InfiniBand; a bridge for"
            " openvswitch.  One that is missing follows from the host's interfaces.",
            types=_OPENSTACK,
        ),
        Property(
            "Dnsmasq config file",
            Text(),
            "What dnsmasq of Neutron's DHCP agent reads besides.",
            types=frozenset({OPENSTACK_NETWORK}),
        ),
        Property("Fabric", Reference("fabric"), "The InfiniBand fabric that it serves."),
        *of_types(
            frozenset({INFINIBAND_HOST}),
            Property("Interface", Text(), "The adapter's interface on this host.", default="ib0"),
            Property(
                "Further fabrics",
                References("fabric"),
                "The fabrics of its further adapters; of two on one fabric, that once more.",
            ),
            Property(
                "Further interfaces",
                Words(),
                "The interfaces of those adapters, in the same order.",
            ),
            Property(
                "Virtual functions", Integer(0, 126), "How many the adapter makes.", default=16
            ),
            Property(
                "Probed functions",
                Integer(0, 126),
                "How many of them the host keeps for itself (mlx4).",
            ),
            Property(
                "Driver options",
                Words(),
                "Further options of the adapter's driver, as debug_level=1 (mlx4).",
            ),
        ),
    ),
)
