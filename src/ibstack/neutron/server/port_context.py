# SPDX-License-Identifier: Apache-2.0
"""What of a port counts, read out of the PortContext that ML2 hands to a mechanism driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api

from ibstack.neutron.protocol.conventions import OWN_DEVICE_OWNERS
from ibstack.neutron.server import hints
from ibstack.neutron.server.binding import Request
from ibstack.neutron.server.desired import pci_slot

if TYPE_CHECKING:
    from ibstack.neutron.server.hints import PortSnapshot


def request(context: Any, segment: Any) -> Request:
    port = context.current
    return Request(
        mac=port["mac_address"],
        pci_slot=pci_slot(port.get(portbindings.PROFILE)),
        host=context.host,
        network_type=segment[api.NETWORK_TYPE],
        physical_network=segment[api.PHYSICAL_NETWORK],
        segmentation_id=segment[api.SEGMENTATION_ID],
    )


def own_request(host: str, segment: Any) -> Request:
    """Return the request of a DHCP port that is yet to be made."""
    return Request(
        mac="",
        pci_slot=None,
        host=host,
        network_type=segment[api.NETWORK_TYPE],
        physical_network=segment[api.PHYSICAL_NETWORK],
        segmentation_id=segment[api.SEGMENTATION_ID],
    )


def standing_now(context: Any) -> PortSnapshot:
    return _standing(context.current, context.host, context.vif_type)


def standing_before(context: Any) -> PortSnapshot:
    return _standing(context.original, context.original_host, context.original_vif_type)


def _standing(port: dict[str, Any], host: str | None, vif_type: str | None) -> PortSnapshot:
    return hints.PortSnapshot(
        host=host or "",
        vif_type=vif_type or "",
        pci_slot=pci_slot(port.get(portbindings.PROFILE)),
        mac=port["mac_address"],
        admin_state_up=port["admin_state_up"],
        device_owner=port.get("device_owner") or "",
    )


def is_direct(port: dict[str, Any]) -> bool:
    return bool(port.get(portbindings.VNIC_TYPE) == portbindings.VNIC_DIRECT)


def is_plugged_by_its_host(port: dict[str, Any]) -> bool:
    """Tell whether a DHCP or L3 agent plugs the port on its own host."""
    vnic_type = port.get(portbindings.VNIC_TYPE, portbindings.VNIC_NORMAL)
    return vnic_type == portbindings.VNIC_NORMAL and port.get("device_owner") in OWN_DEVICE_OWNERS


def changed(context: Any, *names: str) -> bool:
    return any(context.current.get(name) != context.original.get(name) for name in names)


def physical_networks(context: Any) -> frozenset[str]:
    names = (segment[api.PHYSICAL_NETWORK] for segment in context.network.network_segments)
    return frozenset(name for name in names if name)
