# SPDX-License-Identifier: Apache-2.0
"""Whether the P_Key tables of a host's ports have a place for one partition more.  Pure.

A DHCP or router port takes a place in the table of each adapter of its host, and a VF of ConnectX-3
in that of its physical port; a VF of a later adapter has a table of its own, which holds one key.
What nobody reports the size of is let through: ibstack-fabricd holds what does not fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.pci import PciAddress
from ibstack.fabric.segment import FLAT
from ibstack.neutron.server.desired import stored_pci_slot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.neutron.protocol.agent_report import ReportedAdapter, TableRooms
    from ibstack.neutron.server.binding import Request

_DEFAULT_PARTITION: Final = 1


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port that is bound to a host: ACTIVE or not, switched on or not, as it may be any time."""

    is_own: bool
    """A DHCP or router port, which its host plugs for itself."""
    profile: str
    """The binding profile as the database keeps it."""
    segmentation_id: int | None


def shared_tables(
    request: Request, adapters: Iterable[ReportedAdapter], *, is_own: bool
) -> list[ReportedAdapter]:
    """Return the adapters of the host in whose tables *request* needs a place."""
    if request.network_type == FLAT:
        return []  # Every table has the default partition.
    here = [one for one in adapters if one.physical_network == request.physical_network]
    if is_own:
        return here
    return [one for one in here if one.shares_table and _may_have(one, request.pci_slot)]


def why_full(
    request: Request,
    tables: Iterable[ReportedAdapter],
    ports: Iterable[HostPort],
    rooms: TableRooms,
) -> str | None:
    """Return which of *tables* has no place for the network of *request*, None where all have.

    *ports* are the others that are bound to the host on that physical network.
    """
    others = list(ports)
    for adapter in tables:
        room = _room(adapter, rooms)
        keys = keys_in(adapter, others)
        if room is not None and request.segmentation_id not in keys and len(keys) >= room:
            return (
                f"the P_Key table of port {adapter.port_guid} of host {request.host} is full: it"
                f" has room for {room} networks, and the ports that are bound to the host are of"
                f" {len(keys)} others; delete ports there, or take another host"
            )
    return None


def _room(adapter: ReportedAdapter, rooms: TableRooms) -> int | None:
    own = None if adapter.entries is None else adapter.entries - _DEFAULT_PARTITION
    known = [room for room in (own, rooms.of(adapter.port_guid)) if room is not None]
    return min(known, default=None)


def keys_in(adapter: ReportedAdapter, ports: Iterable[HostPort]) -> set[int | None]:
    """Return the segmentation ids that the host's *ports* bring into the table of *adapter*."""
    return {
        port.segmentation_id
        for port in ports
        if port.is_own or (adapter.shares_table and _may_be_on(adapter, port.profile))
    }


def _may_be_on(adapter: ReportedAdapter, profile: str) -> bool:
    try:
        return _may_have(adapter, stored_pci_slot(profile))
    except ValueError:
        return False  # It is nobody's member: fabric_answer() says why.


def _may_have(adapter: ReportedAdapter, slot: str | None) -> bool:
    try:
        return slot is None or PciAddress.parse(slot) in adapter.vfs
    except BadValue:
        return False  # It is not bound: binding.why_not() says why.
