# SPDX-License-Identifier: Apache-2.0
"""What Neutron's database says of bound ports and of agents, before an upgrade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.fabric.errors import BadValue
from ibstack.fabric.segment import FLAT, VLAN, segment_entry
from ibstack.neutron.protocol.conventions import OWN_DEVICE_OWNERS, OWN_VIF_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ibstack.fabric.partition import PartitionKey


@dataclass(frozen=True, slots=True)
class KnownPort:
    """A port that is bound as ib_hostdev, as the database has it."""

    id: str
    mac: str
    status: str
    host: str
    pci_slot: str | None
    network_type: str | None
    """None: it is bound to no segment."""
    physical_network: str | None
    segmentation_id: int | None

    @property
    def key(self) -> PartitionKey | None:
        return key_of(self.network_type, self.segmentation_id)


@dataclass(frozen=True, slots=True)
class OtherPorts:
    """Ports of one kind in one segment."""

    vnic_type: str
    vif_type: str
    device_owner: str
    network_type: str | None
    physical_network: str | None
    segmentation_id: int | None
    count: int

    @property
    def key(self) -> PartitionKey | None:
        return key_of(self.network_type, self.segmentation_id)

    @property
    def are_of_hosts(self) -> bool:
        """Whether ibstack serves them: DHCP and router ports, whoever has bound them."""
        return (
            self.vif_type == OWN_VIF_TYPE
            and self.vnic_type == "normal"
            and self.device_owner in OWN_DEVICE_OWNERS
        )


@dataclass(frozen=True, slots=True)
class KnownCloud:
    """What the database says."""

    ports: Sequence[KnownPort]
    agents: dict[str, str]
    """The program that was the layer 2 agent of each host when it last reported."""
    journal: int | None
    """Operations that mlnx_sdn_assist has not finished; None: it has no table."""
    others: Sequence[OtherPorts] = ()
    """Ports that are bound otherwise than as ib_hostdev, on whatever network."""


def key_of(network_type: str | None, segmentation_id: int | None) -> PartitionKey | None:
    """Return the partition of ports in a segment; None: in none that ibstack knows."""
    if network_type not in (FLAT, VLAN):
        return None
    try:
        return segment_entry(network_type, segmentation_id).partition
    except BadValue:
        return None
