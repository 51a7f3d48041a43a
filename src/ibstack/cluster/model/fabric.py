# SPDX-License-Identifier: Apache-2.0
"""InfiniBand fabrics: the one description that all files of all hosts follow from."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Kind, Property
from ibstack.cluster.model.value import Choice, References, Text
from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.ipoib import IpoibMode

FABRIC: Final = Kind(
    name="fabric",
    singular="Fabric",
    plural="Fabrics",
    columns=("keyrange", "mtu", "subnetmanagers"),
    properties=(
        Property("Name", Text(), "", "Neutron's physical network.", fixed=True),
        Property("Key range", Text(), "1:4000", "First and last P_Key that tenants get, as 1:10."),
        Property(
            "Adapter",
            Choice(tuple(each.value for each in AdapterKind)),
            AdapterKind.MLX5.value,
            "mlx4: ConnectX-3; mlx5: ConnectX-4 and later.",
        ),
        Property(
            "MTU",
            Choice(("2044", "4092")),
            "2044",
            "Bytes of an IPoIB datagram: the fabric's MTU less 4.",
        ),
        Property(
            "Mode",
            Choice(tuple(each.value for each in IpoibMode)),
            IpoibMode.DATAGRAM.value,
            "Of IPoIB.",
        ),
        Property(
            "Stack",
            Choice(("ibstack", "mlnx")),
            "ibstack",
            "What serves it; mlnx: the agent and eswitchd of Mellanox, on clouds that have them.",
        ),
        Property(
            "Partitions",
            Choice(("fabricd", "static")),
            "fabricd",
            "fabricd: of each tenant's ports alone; static: a file with all hosts in all keys.",
        ),
        Property(
            "Default membership",
            Choice(("limited", "full")),
            "limited",
            "Of all other hosts in the default partition; full: every tenant reaches every one.",
        ),
        Property(
            "Subnet managers",
            References("device"),
            (),
            "The hosts that run one; the first is to be master.",
        ),
        Property(
            "Full members",
            References("device"),
            (),
            "Hosts that are full members of the default partition.",
        ),
        Property(
            "Host ports",
            Choice(("believed", "listed")),
            "believed",
            "believed: a host's first report of them; listed: the GUIDs of its interfaces, and no"
            " report of others.  Devices are then called as Neutron calls the hosts.",
        ),
        Property("Revision", Text(), "", "A label."),
    ),
)
