# SPDX-License-Identifier: Apache-2.0
"""What a port may not have because it is another's: a MAC address, a GUID, a DHCP client-id.

Each refusal is HTTP 409, and names no other port: it may be another project's.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from neutron_lib import exceptions

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import ClientIdForm, client_id, parse_client_id
from ibstack.formats.extra_dhcp_opts import client_ids
from ibstack.neutron.server import tables
from ibstack.neutron.server.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection

LOG: Final = logging.getLogger(__name__)


class DuplicateMacOnFabric(exceptions.Conflict, Refusal):
    """The GUID of the port would not be its alone."""

    message = (
        "cannot give port %(port_id)s the MAC address %(mac)s: a port of another network of the "
        "same InfiniBand fabric (%(fabric)s) has it, and the GUID is made from it; "
        "choose another MAC address"
    )


class GuidOfTheFabric(exceptions.Conflict, Refusal):
    """The GUID of the port is one that the fabric has already."""

    message = (
        "cannot give port %(port_id)s the MAC address %(mac)s: the GUID that is made from it, "
        "%(guid)s, belongs to a physical port of the fabric or to the site; "
        "choose another MAC address"
    )


class ClientIdTaken(exceptions.Conflict, Refusal):
    """Two guests of a network would ask for an address in one name."""

    message = (
        "cannot give port %(port_id)s the DHCP client-id %(client_id)s: it is that of another "
        "port of the same network; %(remedy)s"
    )


def refuse_mac(context: Any, port: dict[str, Any], fabrics: Collection[str]) -> None:
    """Raise DuplicateMacOnFabric or GuidOfTheFabric where the MAC of *port* is not its alone."""
    owner = tables.mac_owner(context, port, fabrics)
    if owner is not None:
        LOG.info("port %s is refused: it has the MAC of port %s", port["id"], owner)
        raise DuplicateMacOnFabric(
            port_id=port["id"], mac=port["mac_address"], fabric=", ".join(sorted(fabrics))
        )
    try:
        guid = Guid.from_mac(port["mac_address"])
    except BadValue:
        return  # The port is not bound, and says why.
    who = tables.who_reports(context, guid)
    if who is not None:
        LOG.info("port %s is refused: its GUID %s is reported by %s", port["id"], guid, who)
        raise GuidOfTheFabric(port_id=port["id"], mac=port["mac_address"], guid=str(guid))


def refuse_client_ids(context: Any, port: dict[str, Any]) -> None:
    """Raise ClientIdTaken where a client-id of *port* is another's of its network.

    Its options count, and what its guest sends by itself; so do both of every other port.
    """
    options = port.get("extra_dhcp_opts") or ()
    said = {value.lower() for value in client_ids(options)}
    own = _of_mac(port["mac_address"])
    owner = tables.client_id_owner(context, port, said | own, _macs_of(said))
    if owner is None:
        return
    LOG.info("port %s is refused: it has a client-id of port %s", port["id"], owner)
    raise ClientIdTaken(
        port_id=port["id"],
        client_id=", ".join(sorted(said or own)),
        remedy="choose another MAC address" if said <= own else "choose another one",
    )


def _of_mac(mac: str) -> set[str]:
    try:
        guid = Guid.from_mac(mac)
    except BadValue:
        return set()
    return {client_id(guid, form) for form in ClientIdForm}


def _macs_of(client_ids: Collection[str]) -> set[str]:
    """Return the MAC addresses whose guests send one of *client_ids* by themselves."""
    found = set()
    for each in client_ids:
        try:
            mac = parse_client_id(each)[1].as_mac()
        except BadValue:
            continue
        if mac is not None:
            found.add(mac)
    return found
