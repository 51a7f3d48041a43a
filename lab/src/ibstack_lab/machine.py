# SPDX-License-Identifier: Apache-2.0
"""A virtual machine of the lab, as Neutron shows its port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ibstack_lab.services.network_api import Resource

_CLIENT_ID: Final = ("client-id", "61")
"""Names of the option (neutron/agent/linux/dhcp.py, _get_client_id())."""


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
        options = (o for o in port.get("extra_dhcp_opts", ()) if o["opt_name"] in _CLIENT_ID)
        return cls(
            name=port["name"],
            port_id=port["id"],
            host=port["binding:host_id"],
            mac=port["mac_address"],
            pci=port["binding:profile"].get("pci_slot", ""),
            status=port["status"],
            network_id=port["network_id"],
            client_id=next((each["opt_value"] for each in options), None),
        )
