# SPDX-License-Identifier: Apache-2.0
"""What a walk tells of the ports that members may claim or fill.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.mad import NodeType
from ibstack.subnet_manager.policy.known_ports import KnownPorts, PortPlace, TableSize

if TYPE_CHECKING:
    from ibstack.mad import FabricMap


def known_ports(fabric: FabricMap) -> KnownPorts:
    """Return what *fabric* tells."""
    behind = {
        port.peer: port.partition_cap
        for port in fabric.switch_ports
        if port.can_enforce and port.peer is not None
    }
    ends = fabric.ends
    return KnownPorts(
        sizes={end.guid: TableSize(end.partition_cap, behind.get(end.guid)) for end in ends},
        names={end.guid: end.description for end in ends if end.description},
        managers=frozenset(end.guid for end in ends if end.is_sm),
        switches=frozenset(end.guid for end in ends if end.node_type is NodeType.SWITCH),
        from_macs=frozenset(
            end.guid
            for end in ends
            if end.node_type is not NodeType.SWITCH and end.guid.as_mac() is not None
        ),
        places={
            end.guid: PortPlace(end.node_guid, *(end.cabled_to or (None, None)))
            for end in fabric.ports.values()
            if end.node_type is not NodeType.SWITCH
        },
        doubled=frozenset(end.guid for end in fabric.twins if end.node_type is not NodeType.SWITCH),
        whole=not fabric.problems,
    )
