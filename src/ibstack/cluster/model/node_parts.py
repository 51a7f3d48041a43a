# SPDX-License-Identifier: Apache-2.0
"""What nodes have inside: interfaces, services, file systems, routes, a management controller."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property, inherited, of_types
from ibstack.cluster.model.value import (
    Boolean,
    Choice,
    Integer,
    Ipv4,
    Mac,
    PortGuid,
    Reference,
    Text,
    Words,
)

PHYSICAL, BMC, ALIAS, BOND, BRIDGE, VLAN = "physical", "bmc", "alias", "bond", "bridge", "vlan"
_CARDS: Final = frozenset({PHYSICAL})

INTERFACE: Final = Kind(
    name="interfaces",
    singular="Interface",
    columns=("type", "ip", "network"),
    inside=("device",),
    types=(PHYSICAL, BMC, ALIAS, BOND, BRIDGE, VLAN),
    key="Network device name",
    properties=(
        Property(
            "Network device name",
            Text(),
            "As ib0; BOOTIF: the one that it booted from.",
            fixed=True,
        ),
        Property(
            "Type", Choice((PHYSICAL, BMC, ALIAS, BOND, BRIDGE, VLAN)), "What it is.", fixed=True
        ),
        Property("IP", Ipv4(), "Its address.", aliases=("address",)),
        Property("Network", Reference("network"), "The network that it is on."),
        Property("DHCP", Boolean(), "It asks for its address."),
        Property("MAC", Mac(), "Its hardware address."),
        Property("Additional hostnames", Words(), "Further names of its address."),
        Property(
            "On network priority",
            Integer(0, 1000),
            "Which of a device's interfaces on one network has the device's name: the highest.",
            default=60,
        ),
        Property(
            "Start if",
            Choice(("ALWAYS", "ACTIVE", "PASSIVE")),
            "On which of two heads.",
            default="ALWAYS",
        ),
        *of_types(
            _CARDS,
            Property("Bootable", Boolean(), "The device may boot over it."),
            Property("Card type", Text(), "Ethernet or InfiniBand, or empty."),
            Property("Speed", Text(), "Of its link, as 10G; empty: as negotiated."),
            Property("GUID", PortGuid(), "Of its InfiniBand port."),
        ),
        Property(
            "Bring up during install",
            Choice(("no", "yes", "yesandkeep")),
            "Whether the installer uses it.",
            default="no",
        ),
        Property(
            "Connected mode", Boolean(), "IPoIB in connected mode, not datagram.", types=_CARDS
        ),
        Property("Interfaces", Words(), "What it is made of.", types=frozenset({BOND, BRIDGE})),
        Property(
            "Mode", Integer(0, 6), "The bonding driver's mode.", default=1, types=frozenset({BOND})
        ),
        *of_types(
            frozenset({VLAN}),
            Property("VLAN ID", Integer(1, 4094), "Its tag.", default=1),
            Property("Reorder HDR", Boolean(), "The kernel's reorder_hdr.", default=True),
        ),
        Property("Revision", Text(), "A label."),
    ),
)


SERVICE: Final = Kind(
    name="services",
    singular="Service",
    columns=("monitored", "autostart", "belongstorole"),
    inside=("category", "device"),
    overrides=True,
    key="Service",
    properties=(
        Property("Revision", Text(), "A label."),
        Property("Service", Text(), "Its name, as init knows it.", fixed=True),
        Property(
            "Run if",
            Choice(("ALWAYS", "ACTIVE", "PASSIVE", "PREFERPASSIVE")),
            "On which of two head nodes.",
            default="ALWAYS",
        ),
        Property("Monitored", Boolean(), "It is looked at, and its death is told."),
        Property(
            "Autostart", Boolean(), "It is started, and again when it died while it is monitored."
        ),
        Property(
            "Timeout", Integer(-1, 86400), "Seconds that its script may take; -1: any.", default=-1
        ),
        Property("Sickness check script", Text(), "Says whether it is well."),
        Property("Sickness check script timeout", Integer(1, 86400), "Seconds.", default=10),
        Property("Sickness check interval", Integer(1, 86400), "Seconds.", default=60),
    ),
)


FSMOUNT: Final = Kind(
    name="fsmounts",
    singular="FSMount",
    columns=("device", "filesystem"),
    inside=("category", "device"),
    overrides=True,
    named_by_path=True,
    key="Mountpoint",
    properties=(
        Property("Mountpoint", Text(), "Where it is mounted, as /home.", fixed=True),
        Property("Device", Text(), "What is mounted, as master:/home or /dev/sdb1."),
        Property("Filesystem", Text(), "Its type.", default="nfs"),
        Property("Mount options", Text(), "As fstab has them.", default="defaults"),
        Property("Dump", Boolean(), "fstab's fifth field."),
        Property("Filesystem check", Integer(0, 2), "fstab's sixth field."),
        Property("RDMA", Boolean(), "NFS over RDMA."),
        Property("Revision", Text(), "A label."),
    ),
)

FSEXPORT: Final = Kind(
    name="fsexports",
    singular="FSExport",
    columns=("path", "network", "write"),
    inside=("category", "device"),
    overrides=True,
    named_by_path=True,
    key="Name",
    properties=(
        Property("Name", Text(), "As /home@internalnet.", fixed=True),
        Property("Path", Text(), "The folder."),
        Property("Network", Reference("network"), "Who may mount it: hosts of this network."),
        Property("Hosts", Words(), "Who else may, as exports(5) writes them."),
        Property("Write", Boolean(), "They may write."),
        Property("Async", Boolean(), "Writes are answered before they are on the disk."),
        Property("Extra options", Words(), "Further options of exports(5)."),
        Property("Disabled", Boolean(), "It is not exported."),
        Property("Revision", Text(), "A label."),
    ),
)


STATICROUTE: Final = Kind(
    name="staticroutes",
    singular="StaticRoute",
    columns=("destination", "netmaskbits", "gateway"),
    inside=("category", "device"),
    overrides=True,
    key="Name",
    properties=(
        Property("Name", Text(), "The route's name.", fixed=True),
        Property("Destination", Ipv4(), "The network that it leads to."),
        Property("Netmask bits", Integer(0, 32), "Of that network.", default=24),
        Property("Gateway", Ipv4(), "The next hop."),
        Property("Network device name", Text(), "The interface that it goes out by."),
        Property("Metric", Integer(0, 2**31 - 1), "The lower, the sooner it is taken."),
        Property("Revision", Text(), "A label."),
    ),
)


BMCSETTINGS: Final = Kind(
    name="bmcsettings",
    singular="BMCSettings",
    plural="BMCSettings",
    columns=(),
    inside=("category", "device"),
    single=True,
    kept_when_set=True,
    properties=inherited(
        Property("User name", Text(), "Who logs in."),
        Property("User ID", Integer(0, 63), "That user's number; 0: none."),
        # Exports and histories are kept in places where no password belongs.
        Property(
            "Password file",
            Text(),
            "A file on the head node that has the password, and nothing else has it.",
        ),
        Property(
            "Privilege",
            Choice(("CALLBACK", "USER", "OPERATOR", "ADMINISTRATOR", "OEM")),
            "As whom.",
            default="ADMINISTRATOR",
        ),
        Property(
            "Power reset delay",
            Integer(0, 3600),
            "Seconds between off and on of a reset.",
            default=0,
        ),
        Property("Extra arguments", Text(), "Of the program that speaks to it."),
    ),
)
