# SPDX-License-Identifier: Apache-2.0
"""What a cloud settles for all of its hosts: partition base says it, a role may say otherwise."""

from __future__ import annotations

from typing import Final

from ibstack.cluster.model.kind import Property
from ibstack.cluster.model.value import Choice

OPENSTACK_CLOUD: Final = (
    Property(
        "L2 agent",
        Choice(("openvswitch", "linuxbridge", "none")),
        "openvswitch",
        "Neutron's agent for other networks; linuxbridge: of Neutron before 2025.",
    ),
    Property(
        "Isolation", Choice(("vlan", "vxlan")), "vlan", "Of networks that are not InfiniBand."
    ),
)
