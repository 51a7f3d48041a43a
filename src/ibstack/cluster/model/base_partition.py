# SPDX-License-Identifier: Apache-2.0
"""Cluster-wide settings: there is one such object, called base, with the cloud's message broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.node_settings import FROZEN_FILES, LABELS
from ibstack.cluster.model.value import Boolean, Choice, Reference, Text, Words

if TYPE_CHECKING:
    from ibstack.cluster.model.state import View

OPENSTACK_CLOUD: Final = (
    Property(
        "L2 agent",
        Choice(("openvswitch", "linuxbridge", "none")),
        "Neutron's agent for other networks; linuxbridge: of Neutron before 2025.",
        default="openvswitch",
    ),
    Property(
        "Isolation",
        Choice(("vlan", "vxlan")),
        "Of networks that are not InfiniBand.",
        default="vlan",
    ),
)


# Exports and histories are kept in places where no password belongs.
_OF_ACCOUNT: Final = "A file on the head node with the password of {}; unset: {}"

BROKER: Final = Kind(
    name="broker",
    singular="Broker",
    columns=(),
    inside=("partition",),
    single=True,
    kept_when_set=True,
    properties=(
        Property(
            "Nodes",
            Words(),
            "HOST or HOST:PORT of each node of RabbitMQ; unset: hosts are given no account.",
        ),
        Property("Virtual host", Text(), "Neutron's at the broker.", default="/"),
        Property("Exchange", Text(), "Neutron's control_exchange.", default="neutron"),
        Property(
            "Server password file",
            Text(),
            _OF_ACCOUNT.format("ibstack-server, neutron-server's account", "it keeps its own."),
        ),
        Property(
            "Agent password file",
            Text(),
            _OF_ACCOUNT.format(
                "ibstack-compute, ibstack-agent's account", "as neutron.conf has it."
            ),
        ),
        Property(
            "Fabricd password file",
            Text(),
            _OF_ACCOUNT.format("ibstack-fabricd", "as neutron.conf has it."),
        ),
        Property(
            "Answer key file",
            Text(),
            "A file on the head node with the key by which ibstack-fabricd and neutron-server know"
            " each other; unset: nothing is signed.",
        ),
        Property(
            "Unsigned reports",
            Boolean(),
            "neutron-server takes ibstack-fabricd's reports without a signature too: while the key"
            " is brought out.",
        ),
    ),
)


BASE: Final = "base"
BASE_PARTITION: Final = EntityPath.of("partition", BASE)

PARTITION: Final = Kind(
    name="partition",
    singular="Partition",
    columns=("headnode", "defaultcategory"),
    names=(BASE,),
    key="Name",
    properties=(
        Property("Name", Text(), "Always base.", fixed=True),
        Property("Cluster name", Text(), "A name for people."),
        Property("Head node", Reference("device"), "The active head node; `master` means it."),
        Property("Default category", Reference("category"), "Of a node that is added."),
        Property("Management network", Reference("network"), "The network nodes are managed over."),
        Property("Name servers", Words(), "Their addresses."),
        Property("Search domain", Words(), "DNS zones in which short names are looked up."),
        Property("Time zone", Text(), "As Europe/Amsterdam."),
        Property("Time servers", Words(), "Their names."),
        *OPENSTACK_CLOUD,
        FROZEN_FILES,
        *LABELS,
    ),
)


def head_node(view: View) -> str:
    """Return the name of the active head node, where images and groups are; empty: none."""
    base = view.get(BASE_PARTITION)
    return base.text("headnode") if base else ""
