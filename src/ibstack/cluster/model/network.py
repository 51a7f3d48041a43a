# SPDX-License-Identifier: Apache-2.0
"""Networks, with the rows that the shell shows of one."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.value import (
    NO_ADDRESS,
    Blob,
    Boolean,
    Choice,
    Integer,
    Ipv4,
    Reference,
    Text,
)

NETWORK: Final = Kind(
    name="network",
    singular="Network",
    plural="Networks",
    columns=("type", "netmaskbits", "baseaddress", "domainname"),
    key="name",
    properties=(
        Property(
            "OpenStack Host network", Reference("network"), "", "The network that it rides on."
        ),
        Property(
            "OpenStack Physical network name", Text(), "", "Neutron's provider:physical_network."
        ),
        Property(
            "OpenStack VLAN ID",
            Integer(0, 4094),
            0,
            "Neutron's provider:segmentation_id; 0: any of the range.",
        ),
        Property("OpenStack VLAN Range", Text(), "", "First and last segment, as 1:10."),
        Property(
            "OpenStack alloc pool end", Ipv4(), NO_ADDRESS, "Last address that Neutron gives out."
        ),
        Property(
            "OpenStack alloc pool start",
            Ipv4(),
            NO_ADDRESS,
            "First address that Neutron gives out.",
        ),
        Property("OpenStack network", Text(), "", "Id of the Neutron network."),
        Property("OpenStack network is shared", Boolean(), False, "Every project may use it."),
        Property(
            "OpenStack network type",
            Choice(("Flat", "VLAN", "VXLAN", "Other")),
            "",
            "How Neutron isolates it; Other: Neutron's network is not made by the cluster.",
        ),
        Property("Revision", Text(), "", "A label."),
        Property("Base address", Ipv4(), NO_ADDRESS, "First address of the network."),
        Property("Broadcast address", Ipv4(), NO_ADDRESS, "Its broadcast address."),
        Property("Domain Name", Text(), "", "The DNS zone of its hosts."),
        Property(
            "Dynamic range start", Ipv4(), NO_ADDRESS, "First address for nodes that are not known."
        ),
        Property(
            "Dynamic range end", Ipv4(), NO_ADDRESS, "Last address for nodes that are not known."
        ),
        Property("Gateway", Ipv4(), NO_ADDRESS, "The router."),
        Property("IPv6", Boolean(), False, "It has IPv6."),
        Property("Lock down dhcpd", Boolean(), False, "Nodes that are not known get no answer."),
        Property("MTU", Integer(68, 65520), 1500, "Bytes."),
        Property("Management allowed", Boolean(), False, "Nodes may be managed over it."),
        Property("Netmask bits", Integer(0, 32), 16, "Length of its prefix."),
        Property("Node booting", Boolean(), False, "Nodes may boot over it."),
        Property("Notes", Blob(), "", "Anything."),
        Property(
            "Type",
            Choice(("Internal", "External", "Tunnel", "Global", "Cloud", "Netmap")),
            "Internal",
            "What it is for.",
        ),
        Property("name", Text(), "", "The network's name.", fixed=True),
        Property("EC2AvailabilityZone", Text(), "", "Of a network in Amazon's cloud."),
        Property("EC2SubnetID", Text(), "", "Of a network in Amazon's cloud."),
        Property("Private Cloud", Text(), "", "The cloud that it belongs to."),
    ),
)
