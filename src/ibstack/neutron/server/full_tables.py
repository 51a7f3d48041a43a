# SPDX-License-Identifier: Apache-2.0
"""Declining and refusing ports for which the P_Key tables of a host have no place."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from neutron_lib import exceptions

from ibstack.neutron.server import tables
from ibstack.neutron.server.alone import alone
from ibstack.neutron.server.refusals import Refusal
from ibstack.neutron.server.table_places import keys_in, shared_tables, why_full

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.neutron.protocol.agent_report import ReportedAdapter
    from ibstack.neutron.server.binding import Request

LOG: Final = logging.getLogger(__name__)


class TableFull(exceptions.Conflict, Refusal):
    """The host has no place for the port's network."""

    message = "cannot bind port %(port_id)s: %(why)s"


def why_no_place(
    context: Any,
    request: Request,
    adapters: Iterable[ReportedAdapter],
    port_id: str,
    *,
    is_own: bool,
) -> str | None:
    """Return why the host has no place for *request*, None where it has; *adapters* are its."""
    wanted = shared_tables(request, adapters, is_own=is_own)
    if not wanted:
        return None
    others = tables.ports_of_host(context, request.host, request.physical_network, port_id)
    rooms = tables.table_rooms(context, request.physical_network)
    return why_full(request, wanted, others, rooms)


def refuse(context: Any, requests: Iterable[Request], port_id: str) -> None:
    """Raise TableFull where none of *requests*, one for each segment, has a place on its host."""
    whys = []
    for request in requests:
        adapters = tables.adapters_of(context, request.host)
        whys.append(why_no_place(context, request, adapters, port_id, is_own=False))
    first = next(iter(whys), None)
    if first is not None and all(whys):
        LOG.info("port %s is refused: %s", port_id, first)
        raise TableFull(port_id=port_id, why=first)


def reserve_entry(context: Any, request: Request, port_id: str, *, is_own: bool) -> None:
    """Raise TableFull where another has taken the last place since the port was bound.

    To be called in the transaction that commits the binding: of all that do so on a host one at a
    time passes, and the next one sees what it has taken.  Whose network is there needs no place.
    """
    wanted = shared_tables(request, tables.adapters_of(context, request.host), is_own=is_own)
    there = tables.ports_of_host(context, request.host, request.physical_network, port_id)
    if not wanted or all(request.segmentation_id in keys_in(each, there) for each in wanted):
        return
    second = alone(context, tables.agent_of(request.host))
    adapters = tables.adapters_of(second, request.host)
    why = why_no_place(second, request, adapters, port_id, is_own=is_own)
    if why is not None:
        LOG.info("port %s is refused: %s", port_id, why)
        raise TableFull(port_id=port_id, why=why)


def hosts_with_room(context: Any, requests: Iterable[Request]) -> set[str]:
    """Return the hosts of *requests* that have a place for a DHCP port of one of them."""
    found = set()
    for request in requests:
        adapters = tables.adapters_of(context, request.host)
        why = why_no_place(context, request, adapters, "", is_own=True)
        if why is None:
            found.add(request.host)
        else:
            LOG.info("host %s is left out where DHCP agents are chosen: %s", request.host, why)
    return found
