# SPDX-License-Identifier: Apache-2.0
"""nova's user, and the one that Neutron tells nova as, may do what binding a VF takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.cloud import nova_section
from ibstack.verify.cloud.networks import servers
from ibstack.verify.evidence import Unread, last

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.site import RoleAssignment, Site

_SOURCE: Final = "`openstack role assignment list --names --effective`"
_ROLES: Final = ("admin", "service")
_NOVA: Final = "nova"
_NOVA_CONF: Final = "etc/nova/nova.conf"


def _look(site: Site) -> Iterator[Seen]:
    if isinstance(site.roles, Unread):
        yield Seen("", None, site.roles.why, _SOURCE)
        return
    tellers = {nova_section.user(server) for server in servers(site)}
    for name in sorted({_nova_user(site), *tellers} - {None}, key=str):
        yield _judged(str(name), site.roles)
    if None in tellers or not tellers:
        why = "no server's file names the user that Neutron tells nova as, [nova] username"
        yield Seen("", None, why, _SOURCE)


def _nova_user(site: Site) -> str:
    for host in site.hosts.values():
        keys = host.ini(_NOVA_CONF)
        told = None if isinstance(keys, Unread) else last(keys, "neutron", "username")
        if told and told.strip():
            return told.strip()
    return _NOVA


def _judged(name: str, roles: tuple[RoleAssignment, ...]) -> Seen:
    thing = f"user {name}"
    projects: dict[str, set[str]] = {}
    for each in roles:
        if each.user == name:
            projects.setdefault(each.project, set()).add(each.role)
    best = max(projects, key=lambda project: len(projects[project] & {*_ROLES}), default=None)
    if best is None:
        return Seen("", False, "no role in any project", _SOURCE, thing)
    has = projects[best]
    found = f"{', '.join(sorted(has))} in {best}"
    missing = [role for role in _ROLES if role not in has]
    remedy = "; ".join(
        f"`openstack role add --user {name} --project {best.partition('@')[0]} {role}`"
        for role in missing
    )
    return Seen("", not missing, found, _SOURCE, thing, "", remedy)


# nova 34 and Neutron 29, seen (docs/how-to/install.md): with service alone nova does not see
# provider:physical_network and Neutron's events are answered with 404; with admin alone nova may
# not write binding:profile.
RULE: Final = Rule(
    "service-roles",
    "nova's user and the one of Neutron's [nova] section have the roles that they need",
    "admin and service, both in one project",
    "`openstack role add --user USER --project service ROLE` for admin and for service",
    _look,
    rank=4,
)
