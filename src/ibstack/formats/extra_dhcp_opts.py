# SPDX-License-Identifier: Apache-2.0
"""The DHCP client-id among a port's `extra_dhcp_opts`, of Neutron's API and of its objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CLIENT_ID: Final = "client-id"
# neutron/agent/linux/dhcp.py, _get_client_id(): the names that become dnsmasq's "id:", whatever the
# option's ip_version says.
CLIENT_ID_NAMES: Final = frozenset({CLIENT_ID, "61"})


def is_client_id(option: Mapping[str, Any]) -> bool:
    return option.get("opt_name") in CLIENT_ID_NAMES


def client_ids(options: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the client-ids among *options*, as they are spelled there."""
    return [str(o["opt_value"]) for o in options if is_client_id(o) and o.get("opt_value")]


def client_id_of(port: Mapping[str, Any]) -> str | None:
    """Return what dnsmasq knows the guest of *port* by, in lower case: the first one counts."""
    found = client_ids(port.get("extra_dhcp_opts") or ())
    return found[0].lower() if found else None
