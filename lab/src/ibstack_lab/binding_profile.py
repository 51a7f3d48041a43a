# SPDX-License-Identifier: Apache-2.0
"""`binding:profile` of a port, as nova writes it for the VF that it has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.ipoib import IpoibAddress
from ibstack_lab.topology import PHYSICAL_NETWORK

if TYPE_CHECKING:
    from ibstack_lab.topology import Host

VF_IDS: Final = {AdapterKind.MLX4: "15b3:1004", AdapterKind.MLX5: "15b3:101c"}
"""Vendor and product of a virtual function, as in nova's `device_spec`."""
_QUEUE_PAIR: Final = 0x48


def nova_profile(place: Host, number: int) -> dict[str, str | int]:
    """Return the profile for VF *number* of *place*, counted from 0.

    Of an IPoIB interface nova takes all 20 bytes for the MAC address of the physical function.
    Source: nova 34, network/neutron.py, _get_pci_device_profile() and
    _get_vf_pci_device_profile().
    """
    return {
        "pci_vendor_info": VF_IDS[place.kind or AdapterKind.MLX5],
        "pci_slot": str(place.vf_pci(number)),
        "physical_network": PHYSICAL_NETWORK,
        "pf_mac_address": str(IpoibAddress(_QUEUE_PAIR, place.port_guid)),
        "vf_num": number,
    }
