# SPDX-License-Identifier: Apache-2.0
"""Networks, with the rows that the shell shows of one, and InfiniBand fabrics."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.value import (
    Blob,
    Boolean,
    Choice,
    Integer,
    Ipv4,
    Reference,
    References,
    Text,
)
from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.ipoib import IpoibMode

NETWORK: Final = Kind(
    name="network",
    singular="Network",
    columns=("type", "netmaskbits", "baseaddress", "domainname"),
    key="name",
    properties=(
        Property("OpenStack Host network", Reference("network"), "The network that it rides on."),
        Property("OpenStack Physical network name", Text(), "Neutron's provider:physical_network."),
        Property(
            "OpenStack VLAN ID",
            Integer(0, 4094),
            "Neutron's provider:segmentation_id; 0: any of the range.",
            default=0,
        ),
        Property("OpenStack VLAN Range", Text(), "First and last segment, as 1:10."),
        Property("OpenStack alloc pool end", Ipv4(), "Last address that Neutron gives out."),
        Property("OpenStack alloc pool start", Ipv4(), "First address that Neutron gives out."),
        Property("OpenStack network", Text(), "Id of the Neutron network."),
        Property("OpenStack network is shared", Boolean(), "Every project may use it."),
        Property(
            "OpenStack network type",
            Choice(("Flat", "VLAN", "VXLAN", "Other")),
            "How Neutron isolates it; Other: Neutron's network is not made by the cluster.",
        ),
        Property("Revision", Text(), "A label."),
        Property("Base address", Ipv4(), "First address of the network."),
        Property("Broadcast address", Ipv4(), "Its broadcast address."),
        Property("Domain Name", Text(), "The DNS zone of its hosts."),
        Property("Dynamic range start", Ipv4(), "First address for nodes that are not known."),
        Property("Dynamic range end", Ipv4(), "Last address for nodes that are not known."),
        Property("Gateway", Ipv4(), "The router."),
        Property("IPv6", Boolean(), "It has IPv6."),
        Property("Lock down dhcpd", Boolean(), "Nodes that are not known get no answer."),
        Property("MTU", Integer(68, 65520), "Bytes.", default=1500),
        Property("Management allowed", Boolean(), "Nodes may be managed over it."),
        Property("Netmask bits", Integer(0, 32), "Length of its prefix.", default=16),
        Property("Node booting", Boolean(), "Nodes may boot over it."),
        Property("Notes", Blob(), "Anything."),
        Property(
            "Type",
            Choice(("Internal", "External", "Tunnel", "Global", "Cloud", "Netmap")),
            "What it is for.",
            default="Internal",
        ),
        Property("name", Text(), "The network's name.", fixed=True),
        Property("EC2AvailabilityZone", Text(), "Of a network in Amazon's cloud."),
        Property("EC2SubnetID", Text(), "Of a network in Amazon's cloud."),
        Property("Private Cloud", Text(), "The cloud that it belongs to."),
    ),
)


FABRIC: Final = Kind(
    name="fabric",
    singular="Fabric",
    columns=("keyrange", "mtu", "subnetmanagers"),
    properties=(
        Property("Name", Text(), "Neutron's physical network.", fixed=True),
        Property(
            "Key range", Text(), "First and last P_Key that tenants get, as 1:10.", default="1:4000"
        ),
        Property(
            "Adapter",
            Choice(tuple(each.value for each in AdapterKind)),
            "mlx4: ConnectX-3; mlx5: ConnectX-4 and later.",
            default=AdapterKind.MLX5.value,
        ),
        Property(
            "MTU",
            Choice(("2044", "4092")),
            "Bytes of an IPoIB datagram: the fabric's MTU less 4.",
            default="2044",
        ),
        Property(
            "Mode",
            Choice(tuple(each.value for each in IpoibMode)),
            "Of IPoIB.",
            default=IpoibMode.DATAGRAM.value,
        ),
        Property(
            "Stack",
            Choice(("ibstack", "mlnx")),
            "What serves it; mlnx: the agent and eswitchd of Mellanox, on clouds that have them.",
            default="ibstack",
        ),
        Property(
            "Partitions",
            Choice(("fabricd", "static")),
            "fabricd: of each tenant's ports alone; static: a file with all hosts in all keys.",
            default="fabricd",
        ),
        Property(
            "Default membership",
            Choice(("limited", "full")),
            "Of all other hosts in the default partition; full: every tenant reaches every one.",
            default="limited",
        ),
        Property(
            "Subnet managers",
            References("device"),
            "The hosts that run one; the first is to be master.",
        ),
        Property(
            "Full members",
            References("device"),
            "Hosts that are full members of the default partition.",
        ),
        Property(
            "Host ports",
            Choice(("believed", "listed")),
            "believed: a host's first report of them; listed: the GUIDs of its interfaces, and no"
            " report of others.  Devices are then called as Neutron calls the hosts.",
            default="believed",
        ),
        Property("Revision", Text(), "A label."),
    ),
)
