# SPDX-License-Identifier: Apache-2.0
"""A virtual machine of the lab, as Neutron shows its port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.formats.extra_dhcp_opts import client_id_of

if TYPE_CHECKING:
    from ibstack_lab.services.neutron_client import Resource


@dataclass(frozen=True, slots=True)
class Machine:
    """A virtual machine: what Neutron says of its one port."""

    name: str
    port_id: str
    host: str
    mac: str
    pci: str
    status: str
    network_id: str
    client_id: str | None = None
    """By which the DHCP server knows it; None where its port has none."""

    @classmethod
    def of(cls, port: Resource) -> Machine:
        return cls(
            name=port["name"],
            port_id=port["id"],
            host=port["binding:host_id"],
            mac=port["mac_address"],
            pci=port["binding:profile"].get("pci_slot", ""),
            status=port["status"],
            network_id=port["network_id"],
            client_id=client_id_of(port),
        )
