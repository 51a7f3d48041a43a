# SPDX-License-Identifier: Apache-2.0
"""Where a deployment keeps Neutron's files: as packages have them, or where containers get them.

Sources: kolla-ansible, roles/neutron: `/etc/kolla/SERVICE/FILE` of a host is copied into the
container of that service.  TripleO: `/var/lib/config-data/puppet-generated/SERVICE/etc/…`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import DHCP_AGENT_INI, ML2_CONF, NEUTRON_CONF

if TYPE_CHECKING:
    from ibstack.facts.evidence import Evidence

PUPPET: Final = "var/lib/config-data/puppet-generated"
_PLACES: Final = {
    NEUTRON_CONF: (
        NEUTRON_CONF,
        "etc/kolla/neutron-server/neutron.conf",
        "etc/kolla/neutron-dhcp-agent/neutron.conf",
        f"{PUPPET}/neutron/{NEUTRON_CONF}",
    ),
    ML2_CONF: (
        ML2_CONF,
        "etc/kolla/neutron-server/ml2_conf.ini",
        f"{PUPPET}/neutron/{ML2_CONF}",
    ),
    DHCP_AGENT_INI: (
        DHCP_AGENT_INI,
        "etc/kolla/neutron-dhcp-agent/dhcp_agent.ini",
        f"{PUPPET}/neutron/{DHCP_AGENT_INI}",
    ),
}
ELSEWHERE: Final = tuple(place for _, *places in _PLACES.values() for place in places)
"""The names of all but the packages' own."""


def placed(host: Evidence, name: str) -> str:
    """Return where *host* has the file that packages call *name*; that name where it has none."""
    return next((place for place in _PLACES.get(name, ()) if host.has(place)), name)
