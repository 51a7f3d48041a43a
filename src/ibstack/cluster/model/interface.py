# SPDX-License-Identifier: Apache-2.0
"""Network interfaces of a device."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.value import (
    NO_ADDRESS,
    NO_MAC,
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
    plural="Interfaces",
    columns=("type", "ip", "network"),
    inside=("device",),
    types=(PHYSICAL, BMC, ALIAS, BOND, BRIDGE, VLAN),
    key="Network device name",
    properties=(
        Property(
            "Network device name",
            Text(),
            "",
            "As ib0; BOOTIF: the one that it booted from.",
            fixed=True,
        ),
        Property(
            "Type",
            Choice((PHYSICAL, BMC, ALIAS, BOND, BRIDGE, VLAN)),
            "",
            "What it is.",
            fixed=True,
        ),
        Property("IP", Ipv4(), NO_ADDRESS, "Its address.", aliases=("address",)),
        Property("Network", Reference("network"), "", "The network that it is on."),
        Property("DHCP", Boolean(), False, "It asks for its address."),
        Property("MAC", Mac(), NO_MAC, "Its hardware address."),
        Property("Additional hostnames", Words(), (), "Further names of its address."),
        Property(
            "On network priority",
            Integer(0, 1000),
            60,
            "Which of a device's interfaces on one network has the device's name: the highest.",
        ),
        Property(
            "Start if", Choice(("ALWAYS", "ACTIVE", "PASSIVE")), "ALWAYS", "On which of two heads."
        ),
        Property("Bootable", Boolean(), False, "The device may boot over it.", types=_CARDS),
        Property("Card type", Text(), "", "Ethernet or InfiniBand, or empty.", types=_CARDS),
        Property("Speed", Text(), "", "Of its link, as 10G; empty: as negotiated.", types=_CARDS),
        Property("GUID", PortGuid(), "", "Of its InfiniBand port.", types=_CARDS),
        Property(
            "Bring up during install",
            Choice(("no", "yes", "yesandkeep")),
            "no",
            "Whether the installer uses it.",
        ),
        Property(
            "Connected mode",
            Boolean(),
            False,
            "IPoIB in connected mode, not datagram.",
            types=_CARDS,
        ),
        Property("Interfaces", Words(), (), "What it is made of.", types=frozenset({BOND, BRIDGE})),
        Property("Mode", Integer(0, 6), 1, "The bonding driver's mode.", types=frozenset({BOND})),
        Property("VLAN ID", Integer(1, 4094), 1, "Its tag.", types=frozenset({VLAN})),
        Property(
            "Reorder HDR", Boolean(), True, "The kernel's reorder_hdr.", types=frozenset({VLAN})
        ),
        Property("Revision", Text(), "", "A label."),
    ),
)
