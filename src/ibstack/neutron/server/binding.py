# SPDX-License-Identifier: Apache-2.0
"""Whether the driver can bind a port to a segment on a host, and if not, why.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.errors import BadValue, Refused
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import PciAddress, fold
from ibstack.neutron.server.desired import table_entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibstack.neutron.protocol.agent_report import ReportedAdapter
    from ibstack.neutron.server.options import Settings

# nova/network/model.py, VIF_DETAILS_PHYSICAL_NETWORK: nova passes it to ebrctl as the fabric.
VIF_DETAILS_PHYSICAL_NETWORK: Final = "physical_network"


@dataclass(frozen=True, slots=True)
class Request:
    """A port to be bound to a segment on a host."""

    mac: str
    pci_slot: str | None
    """None: the binding profile names no VF."""
    host: str
    network_type: str
    physical_network: str | None
    segmentation_id: int | None


def vif_details(connectivity: str, physical_network: str) -> dict[str, Any]:
    """Return what nova reads; a new dict each time, since Neutron calls from many threads."""
    return {
        "connectivity": connectivity,
        "port_filter": False,
        VIF_DETAILS_PHYSICAL_NETWORK: physical_network,
    }


def why_not_own(
    request: Request, adapters: tuple[ReportedAdapter, ...], settings: Settings
) -> str | None:
    """Return why a port that the host plugs for itself cannot be served, None where it can.

    It needs no VF: it is an IPoIB interface of the adapter itself.
    """
    try:
        _require_network(request, settings)
        _require_adapter(request, adapters)
    except (BadValue, Refused) as refusal:
        return str(refusal)
    return None


def why_not(
    request: Request,
    adapters: tuple[ReportedAdapter, ...],
    taken: Mapping[PciAddress, str],
    settings: Settings,
) -> str | None:
    """Return why *request* cannot be served, None where it can.

    *adapters* are the host's; *taken* says which VF of the host belongs to which other port.
    """
    try:
        _require_network(request, settings)
        _require_adapter(request, adapters)
        _require_vf(request, adapters, taken)
        Guid.from_mac(request.mac)
    except (BadValue, Refused) as refusal:
        return str(refusal)
    return None


def _require_network(request: Request, settings: Settings) -> None:
    if request.network_type not in settings.network_types:
        served = " and ".join(settings.network_types)
        raise Refused(f"its network is of type {request.network_type}, not {served}")
    table_entry(request.network_type, request.segmentation_id, settings.owned_keys)


def _require_adapter(request: Request, adapters: tuple[ReportedAdapter, ...]) -> None:
    mapped = sorted({adapter.physical_network for adapter in adapters})
    if request.physical_network not in mapped:
        raise Refused(
            f"host {request.host} maps no adapter to physical network {request.physical_network}; "
            f"it maps {', '.join(mapped) or 'none at all'}"
        )


def _require_vf(
    request: Request, adapters: tuple[ReportedAdapter, ...], taken: Mapping[PciAddress, str]
) -> None:
    if request.pci_slot is None:
        return
    pci = PciAddress.parse(request.pci_slot)
    vfs = {
        vf
        for adapter in adapters
        if adapter.physical_network == request.physical_network
        for vf in adapter.vfs
    }
    if pci not in vfs:
        raise Refused(
            f"{pci} is no VF of an adapter of physical network {request.physical_network} on host "
            f"{request.host}, which has {fold(vfs) or 'none'}; mend [pci] device_spec of nova"
        )
    if pci in taken:
        raise Refused(f"VF {pci} of host {request.host} is taken by port {taken[pci]}")
