# SPDX-License-Identifier: Apache-2.0
"""DHCP hosts with an adapter plug IPoIB interfaces, and know guests by their client-id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.evidence import DHCP_AGENT, ESWITCHD_CONF, last, shown
from ibstack.verify.neutron_files import placed
from ibstack.verify.site import each_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.evidence import Evidence

_INTERFACE_DRIVERS: Final = ("ipoib", "multi")
_INTERFACE_CLASSES: Final = ("IpoibInterfaceDriver", "MultiInterfaceDriver")
_DHCP_DRIVER: Final = "ibstack.neutron.dhcp_driver.Dnsmasq"


def _look(host: Evidence) -> Iterator[Seen]:
    place = placed(host, DHCP_AGENT)
    keys = host.ini(place)
    if not isinstance(keys, dict):
        if not keys.absent:
            yield host.unknown(place, keys)
        return
    if not host.has(ESWITCHD_CONF):
        return  # It serves other networks.
    interface = last(keys, "DEFAULT", "interface_driver") or "(not set)"
    dhcp = last(keys, "DEFAULT", "dhcp_driver") or "(not set)"
    holds = interface in _INTERFACE_DRIVERS or interface.endswith(_INTERFACE_CLASSES)
    found = f"interface_driver {interface}, dhcp_driver {dhcp}"
    yield Seen(host.host, holds and dhcp == _DHCP_DRIVER, found, shown(place))


# docs/reference/interface-driver.md, docs/decisions/0071.
RULE: Final = Rule(
    "dhcp-drivers",
    "the DHCP agent serves InfiniBand networks",
    f"interface_driver ipoib or multi, dhcp_driver {_DHCP_DRIVER}",
    "set both in [DEFAULT] of /etc/neutron/dhcp_agent.ini, and restart neutron-dhcp-agent",
    each_host(_look),
)
