# SPDX-License-Identifier: Apache-2.0
"""Which machines the lab has, and what is in them.  The default is the article's cloud."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import PciAddress
from ibstack.formats.codec import from_json, record, to_json

PHYSICAL_NETWORK: Final = "ibhostnet"
ETHERNET: Final = "phyvlanhostnet"
"""A physical network of Neutron's beside it, as clouds have one; nothing in the lab carries it."""
INTERFACE: Final = "ib0"


@record
@dataclass(frozen=True, slots=True)
class Host:
    """A machine with one HCA, port 1 of which is on the fabric."""

    name: str
    node_guid: Guid
    kind: AdapterKind | None = None
    """None: ibstack does not look at its adapter, so it has no fake sysfs."""
    vfs: int = 0
    subnet_manager_priority: int | None = None
    """0 to 15, higher wins; None: runs no subnet manager."""
    serves_dhcp: bool = False
    """Runs Neutron's DHCP agent; it has an adapter that ibstack knows."""

    @property
    def port_guid(self) -> Guid:
        """ibsim gives port N of a node the node's GUID plus N."""
        return Guid(self.node_guid.value + 1)

    @property
    def pf_pci(self) -> PciAddress:
        return PciAddress.parse("0000:05:00.0")

    def vf_pci(self, number: int) -> PciAddress:
        """Return the address of VF *number*, counted from 0."""
        return PciAddress(self.pf_pci.domain, self.pf_pci.routing_id + 1 + number)

    def vf_node(self, number: int) -> str:
        """Return the name of the ibsim HCA that stands for mlx5 VF *number*."""
        return f"{self.name}-vf{number:02d}"


@dataclass(frozen=True, slots=True)
class Topology:
    """One switch, and a cable from it to each host."""

    hosts: tuple[Host, ...]

    def host(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    @property
    def subnet_manager_hosts(self) -> tuple[Host, ...]:
        """The first one becomes master: highest priority first."""
        found = [h for h in self.hosts if h.subnet_manager_priority is not None]
        return tuple(sorted(found, key=lambda h: -(h.subnet_manager_priority or 0)))

    @property
    def adapter_hosts(self) -> tuple[Host, ...]:
        """Those with an agent of ours: they have VFs, or serve DHCP."""
        return tuple(host for host in self.hosts if host.kind is not None)

    @property
    def compute_hosts(self) -> tuple[Host, ...]:
        """Those on which machines run."""
        return tuple(host for host in self.adapter_hosts if host.vfs)

    @property
    def dhcp_hosts(self) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.serves_dhcp)


ARTICLE: Final = Topology(
    (
        Host("head", Guid(0x0002C90300000010), subnet_manager_priority=10),
        Host(
            "node001",
            Guid(0x0002C90300000020),
            AdapterKind.MLX4,
            subnet_manager_priority=5,
            serves_dhcp=True,
        ),
        Host("node002", Guid(0x0002C90300000030), AdapterKind.MLX4, vfs=16),
        Host("node003", Guid(0x0002C90300000040), AdapterKind.MLX5, vfs=16),
    )
)


def dump(topology: Topology) -> str:
    """Return it as JSON, so that the lab's processes find the one they were started with."""
    return json.dumps(to_json(topology.hosts), indent=1) + "\n"


def load(text: str) -> Topology:
    """Read what dump() wrote."""
    return Topology(from_json(tuple[Host, ...], json.loads(text)))
