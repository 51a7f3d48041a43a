# SPDX-License-Identifier: Apache-2.0
"""What a Neutron port wants of the fabric."""

from __future__ import annotations

from dataclasses import dataclass

# Real imports: who reads members from JSON needs the annotations.
from ibstack.fabric.guid import Guid  # noqa: TC001
from ibstack.fabric.partition import Membership, PartitionKey  # noqa: TC001
from ibstack.fabric.pci import PciAddress  # noqa: TC001


@dataclass(frozen=True, order=True, slots=True)
class Member:
    """A Neutron port's membership of one partition (MEMBER of docs/reference/protocols.md)."""

    port_id: str
    host: str
    guid: Guid
    """The VF's own on mlx5; the physical port's on mlx4, where *shared* is true."""
    key: PartitionKey
    membership: Membership
    shared: bool = False
    """True: other Neutron ports may have the same GUID."""


@dataclass(frozen=True, slots=True)
class LeftVf:
    """A VF that a host has attached for a GUID that has no port in Neutron."""

    host: str
    pci: PciAddress
    guid: Guid
