# SPDX-License-Identifier: Apache-2.0
"""The hosts that both sides are measured on."""

from __future__ import annotations

from typing import Final

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack_lab.topology import Host, Topology

# One host with VFs: networking-mlnx's eswitchd listens on a port that is written into its code.  A
# ConnectX-3: it programs later ones by netlink, for which a fake sysfs is not enough.
# As many VFs as in the article, no more: after each plug its agent asks Neutron for every VF anew.
TOPOLOGY: Final = Topology(
    (
        Host("head", Guid(0x0002C90300000010), subnet_manager_priority=10),
        Host("node001", Guid(0x0002C90300000020), AdapterKind.MLX4, vfs=16),
    )
)
