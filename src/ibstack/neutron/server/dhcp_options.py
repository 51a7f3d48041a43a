# SPDX-License-Identifier: Apache-2.0
"""The DHCP client-id of an InfiniBand port: dnsmasq knows a guest by it, and not by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from neutron.db.models_v2 import Port
from neutron.objects.port.extensions.extra_dhcp_opt import ExtraDhcpOpt
from neutron_lib.api.definitions import extra_dhcp_opt as definition

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.ipoib import ClientIdForm, client_id, parse_client_id
from ibstack.formats.extra_dhcp_opts import CLIENT_ID, client_ids, is_client_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_IP_VERSION: Final = 4
_OPT_NAME: Final = "opt_name"
_OPT_VALUE: Final = "opt_value"


def require_known_client_ids(options: Iterable[Mapping[str, Any]]) -> None:
    """Raise BadValue for a client-id that no InfiniBand guest sends: it would get no address.

    Whatever the port's MAC, the GUID may be any: that of a guest which keeps its adapter's own.
    Spelled in one way alone, so that two that are equal can be told to be.
    """
    for text in client_ids(options):
        form, guid = parse_client_id(text)
        if text.lower() != client_id(guid, form):
            raise BadValue("DHCP client identifier", text, f"expected {client_id(guid, form)}")


def missing_client_id(
    mac: str, options: Iterable[Mapping[str, Any]], form: ClientIdForm
) -> str | None:
    """Return the client-id that a port with *mac* lacks; None where nothing is to be written.

    One that a user has set wins, and a MAC that makes no GUID has no client-id.
    """
    if any(is_client_id(option) for option in options):
        return None
    try:
        return client_id(Guid.from_mac(mac), form)
    except BadValue:
        return None


def written_for(mac: str, options: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the options that were written here for *mac*, and not by a user."""
    try:
        guid = Guid.from_mac(mac)
    except BadValue:
        return []
    ours = {client_id(guid, form) for form in ClientIdForm}
    return [o for o in options if is_client_id(o) and o[_OPT_VALUE] in ours]


def keep_client_id(
    plugin_context: Any, port: dict[str, Any], former_mac: str | None, form: ClientIdForm
) -> None:
    """Write the client-id of *port* where it lacks one, to the database and to *port* itself.

    Every other option stays.  One that was written for *former_mac*, which the port had before, is
    replaced.  Call it inside the transaction.
    """
    options: list[Any] = list(port.get(definition.EXTRADHCPOPTS) or ())
    if former_mac is not None and former_mac != port["mac_address"]:
        for stale in written_for(former_mac, options):
            _delete(plugin_context, port["id"], stale)
            options.remove(stale)
    value = missing_client_id(port["mac_address"], options, form)
    if value is not None:
        _create(plugin_context, port["id"], value)
        options.append(
            {
                _OPT_NAME: CLIENT_ID,
                _OPT_VALUE: value,
                "ip_version": _IP_VERSION,
            }
        )
    if options != (port.get(definition.EXTRADHCPOPTS) or []):
        _load_again(plugin_context, port["id"])
    port[definition.EXTRADHCPOPTS] = options


def _load_again(plugin_context: Any, port_id: str) -> None:
    """Have the port's options loaded when the transaction ends.

    Neutron makes a dict of a port that it has just bound, outside of any session: options that are
    only marked as out of date cannot be loaded there, and the request would fail with HTTP 500.
    """
    session = plugin_context.session
    session.refresh(session.get(Port, port_id), ["dhcp_opts"])


def _create(plugin_context: Any, port_id: str, value: str) -> None:
    ExtraDhcpOpt(
        plugin_context, port_id=port_id, opt_name=CLIENT_ID, opt_value=value, ip_version=_IP_VERSION
    ).create()


def _delete(plugin_context: Any, port_id: str, option: Mapping[str, Any]) -> None:
    ExtraDhcpOpt.delete_objects(
        plugin_context,
        port_id=port_id,
        opt_name=option[_OPT_NAME],
        opt_value=option[_OPT_VALUE],
    )
