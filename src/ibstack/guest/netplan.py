# SPDX-License-Identifier: Apache-2.0
"""netplan: one YAML file; and the same keys as cloud-init's network config, version 2.

Source: netplan's YAML reference (infiniband-mode: since 0.105); netplan 0.106 reads it in
tests/guest/test_tools_that_read_them.py, for networkd and for NetworkManager.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from ibstack.guest.config_file import ConfigFile, NotExpressible
from ibstack.guest.interface import Method
from ibstack.guest.mode_rule import mode_rule

if TYPE_CHECKING:
    from ibstack.guest.interface import GuestInterface

_PATH: Final = "/etc/netplan/60-{}.yaml"
# netplan warns of a file that others can read, since one may hold secrets.
_MODE: Final = 0o600
_DEFAULT: Final = {4: "0.0.0.0/0", 6: "::/0"}


def render_netplan(interface: GuestInterface) -> tuple[ConfigFile, ...]:
    """Return the file; NotExpressible for a child interface and for other client-ids than 20:."""
    settings = netplan_interface(interface, "netplan")
    document = {"network": {"version": 2, "ethernets": {interface.device: settings}}}
    path = _PATH.format(interface.device)
    return (ConfigFile(path, to_yaml(document), _MODE), *mode_rule(interface))


def netplan_interface(interface: GuestInterface, tool: str) -> dict[str, Any]:
    """Return the keys of one interface that netplan and cloud-init both know."""
    if interface.partition_key is not None:
        raise NotExpressible(tool, "make a child interface")
    settings: dict[str, Any] = {"dhcp4": interface.ipv4.method is Method.AUTOMATIC}
    if interface.ipv4.method is Method.AUTOMATIC:
        if interface.own_client_id is not None:
            raise NotExpressible(
                tool,
                f"send the client-id {interface.own_client_id}",
                "client-ids of the form 20: and the GUID",
            )
        settings["dhcp-identifier"] = "mac"
    settings["accept-ra"] = interface.ipv6.method is Method.AUTOMATIC
    if interface.mtu_bytes is not None:
        settings["mtu"] = interface.mtu_bytes
    # Without it netplan makes an Ethernet connection for NetworkManager, which leaves ib0 alone.
    settings["infiniband-mode"] = interface.mode.value
    families = (interface.ipv4, interface.ipv6)
    addresses = [str(address) for family in families for address in family.addresses]
    if addresses:
        settings["addresses"] = addresses
    if interface.dns:
        settings["nameservers"] = {"addresses": [str(server) for server in interface.dns]}
    routes = [
        {"to": _DEFAULT[family.gateway.version], "via": str(family.gateway)}
        for family in families
        if family.gateway is not None
    ] + [
        {"to": str(route.destination), "via": str(route.gateway)}
        for family in families
        for route in family.routes
    ]
    if routes:
        settings["routes"] = routes
    return settings


def to_yaml(document: dict[str, Any]) -> str:
    """Return *document* as a person would write it, keys in their order."""
    return str(yaml.safe_dump(document, sort_keys=False, default_flow_style=False))
