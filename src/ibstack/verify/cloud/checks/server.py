# SPDX-License-Identifier: Apache-2.0
"""Settings of Neutron's server and of its DHCP agents, and the roles that they need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import DHCP_AGENT_INI, ESWITCHD_CONF, NEUTRON_CONF, Missing, last, shown
from ibstack.facts.neutron_files import placed
from ibstack.verify.check import Observation, rule
from ibstack.verify.cloud import nova_section
from ibstack.verify.cloud.networks import PLACE, servers
from ibstack.verify.cloud.nova_section import SECTION, faults, is_judged
from ibstack.verify.selectors import each_host, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.site import RoleAssignment, Site
    from ibstack.verify.cloud.networks import Ml2

_INTERFACE_DRIVERS: Final = ("ipoib", "multi")
_INTERFACE_CLASSES: Final = ("IpoibInterfaceDriver", "MultiInterfaceDriver")
_DHCP_DRIVER: Final = "ibstack.neutron.agents.dhcp_driver.Dnsmasq"
_FORMER_DHCP_DRIVER: Final = "ibstack.neutron.dhcp_driver.Dnsmasq"


# docs/reference/interface-driver.md, docs/decisions/0071.
@rule(
    "dhcp-drivers",
    "the DHCP agent serves InfiniBand networks",
    f"interface_driver ipoib or multi, dhcp_driver {_DHCP_DRIVER}",
    "set both in [DEFAULT] of /etc/neutron/dhcp_agent.ini, and restart neutron-dhcp-agent",
)
@each_host
def dhcp_drivers(host: Evidence) -> Iterator[Observation]:
    """DHCP hosts with an adapter plug IPoIB interfaces, and know guests by their client-id."""
    place = placed(host, DHCP_AGENT_INI)
    keys = host.ini(place)
    if not isinstance(keys, dict):
        if not keys.absent:
            yield unknown(host, place, keys)
        return
    if not host.has(ESWITCHD_CONF):
        return  # It serves other networks.
    interface = last(keys, "DEFAULT", "interface_driver") or "(not set)"
    dhcp = last(keys, "DEFAULT", "dhcp_driver") or "(not set)"
    holds = interface in _INTERFACE_DRIVERS or interface.endswith(_INTERFACE_CLASSES)
    found = f"interface_driver {interface}, dhcp_driver {dhcp}"
    holds = holds and dhcp in (_DHCP_DRIVER, _FORMER_DHCP_DRIVER)
    yield Observation(host.host, holds, found, shown(place))


_MECHANISM_DRIVERS: Final = ("infiniband", "mlnx_infiniband")


@rule(
    "mechanism-driver",
    "the server has ibstack's mechanism driver",
    "infiniband among [ml2] mechanism_drivers",
    "add infiniband to [ml2] mechanism_drivers, and restart neutron-server",
)
def mechanism_driver(site: Site) -> Iterator[Observation]:
    """Neutron's server binds ports of VFs by ibstack's driver."""
    known = servers(site)
    for server in known:
        drivers = server.listed("ml2", "mechanism_drivers")
        holds = any(name.endswith(_MECHANISM_DRIVERS) for name in drivers)
        yield Observation(server.host, holds, ", ".join(drivers) or "none", server.place)
    if not known:
        yield Observation("", None, "no server's file was collected", PLACE)


@rule(
    "nova-told",
    "Neutron tells nova when a port is ready",
    "notify_nova_on_port_status_changes and notify_nova_on_port_data_changes not false, and [nova]"
    " with auth_type, auth_url, username, password, project and domains",
    "set them in neutron.conf of the API and of neutron-rpc-server (docs/how-to/install.md), and"
    " restart both: nova waits 300 s for that event, and then the boot fails",
    rank=4,
)
def nova_told(site: Site) -> Iterator[Observation]:
    """Neutron tells nova when a port is ready: without that no server with a VF starts."""
    known = servers(site)
    for server in known:
        yield _telling(server, site.hosts[server.host])
    if not known:
        yield Observation("", None, "no server's file was collected", shown(NEUTRON_CONF))


def _telling(server: Ml2, host: Evidence) -> Observation:
    place = placed(host, NEUTRON_CONF)
    keys = host.ini(place)
    wrong = faults(server)
    said_elsewhere = any(section == SECTION for section, _ in server.keys)
    if isinstance(keys, Missing) and not said_elsewhere:
        return Observation(server.host, None, keys.why, shown(place))
    if not wrong and not is_judged(server):
        why = f"[{SECTION}] signs in by an auth_type whose options are not known here"
        return Observation(server.host, None, why, shown(place))
    found = "; ".join(wrong) or f"[{SECTION}] is complete"
    return Observation(server.host, not wrong, found, shown(place))


_ASSIGNMENTS: Final = "`openstack role assignment list --names --effective`"
_ROLES: Final = ("admin", "service")
_NOVA: Final = "nova"
_NOVA_CONF: Final = "etc/nova/nova.conf"


# nova 34 and Neutron 29, seen (docs/how-to/install.md): with service alone nova does not see
# provider:physical_network and Neutron's events are answered with 404; with admin alone nova may
# not write binding:profile.
@rule(
    "service-roles",
    "nova's user and the one of Neutron's [nova] section have the roles that they need",
    "admin and service, both in one project",
    "`openstack role add --user USER --project service ROLE` for admin and for service",
    rank=4,
)
def service_roles(site: Site) -> Iterator[Observation]:
    """nova's user, and the one that Neutron tells nova as, may do what binding a VF takes."""
    if isinstance(site.roles, Missing):
        yield Observation("", None, site.roles.why, _ASSIGNMENTS)
        return
    tellers = {nova_section.user(server) for server in servers(site)}
    for name in sorted({_nova_user(site), *tellers} - {None}, key=str):
        yield _roles_of(str(name), site.roles)
    if None in tellers or not tellers:
        why = "no server's file names the user that Neutron tells nova as, [nova] username"
        yield Observation("", None, why, _ASSIGNMENTS)


def _nova_user(site: Site) -> str:
    for host in site.hosts.values():
        keys = host.ini(_NOVA_CONF)
        told = None if isinstance(keys, Missing) else last(keys, "neutron", "username")
        if told and told.strip():
            return told.strip()
    return _NOVA


def _roles_of(name: str, roles: tuple[RoleAssignment, ...]) -> Observation:
    thing = f"user {name}"
    projects: dict[str, set[str]] = {}
    for each in roles:
        if each.user == name:
            projects.setdefault(each.project, set()).add(each.role)
    best = max(projects, key=lambda project: len(projects[project] & {*_ROLES}), default=None)
    if best is None:
        return Observation("", False, "no role in any project", _ASSIGNMENTS, thing)
    has = projects[best]
    found = f"{', '.join(sorted(has))} in {best}"
    missing = [role for role in _ROLES if role not in has]
    remedy = "; ".join(
        f"`openstack role add --user {name} --project {best.partition('@')[0]} {role}`"
        for role in missing
    )
    return Observation("", not missing, found, _ASSIGNMENTS, thing, "", remedy)
