# SPDX-License-Identifier: Apache-2.0
"""Services that read a host's files, and that its category or node does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.lint.finding import Finding, Place
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import effective_roles, effective_services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, HostConfiguration
    from ibstack.cluster.model.state import View

_READERS: Final[dict[str, tuple[str, ...]]] = {
    # Who reads each file, by the names that distributions have for it.
    "/etc/neutron/plugins/ml2/ml2_conf.ini": (
        *("neutron-server", "neutron-api", "neutron-rpc-server"),
        "ibstack-agent",
    ),
    "/etc/neutron/plugins/ml2/openvswitch_agent.ini": ("neutron-openvswitch-agent",),
    "/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini": ("neutron-linuxbridge-agent",),
    "/etc/neutron/plugins/mlnx/mlnx_conf.ini": ("neutron-mlnx-agent",),
    "/etc/neutron/dhcp_agent.ini": ("neutron-dhcp-agent",),
    "/etc/neutron/l3_agent.ini": ("neutron-l3-agent",),
    "/etc/eswitchd/eswitchd.conf": ("eswitchd",),
    "/etc/ibstack/agent.conf": ("ibstack-agent",),
    "/etc/ibstack/eswitchd.conf": ("ibstack-eswitchd",),
    "/etc/ibstack/fabricd.conf": ("ibstack-fabricd",),
    "/etc/opensm/partitions.conf": ("opensm", "opensmd"),
}
_TELLING: Final = ("/etc/neutron/plugins/mlnx/", "/etc/eswitchd/", "/etc/ibstack/")
"""What stands here was put here for its service; other files come with packages and images."""
KNOWN_SERVICES: Final = frozenset(
    {
        *(name for names in _READERS.values() for name in names),
        *("libvirtd", "openibd", "openstack-nova-compute", "nova-compute"),
        *("neutron-metadata-agent", "openvswitch-switch"),
    }
)


def missing(cloud: Cloud) -> Iterator[Finding]:
    """Yield services that a host has the file of, and that nothing starts there."""
    for host in cloud.hosts:
        view = cloud.view
        if view is not None and view.get(EntityPath.of("device", host.name)) is not None:
            yield from _missing(view, host)


def _missing(view: View, host: HostConfiguration) -> Iterator[Finding]:
    services = effective_services(view, host.name)
    for path, names in _READERS.items():
        meant = path in host.generated or (path in host.files and path.startswith(_TELLING))
        if meant and services.keys().isdisjoint(names):
            where = _where(view, host.name)
            yield Finding(
                "service-missing",
                Place(str(where)),
                "services",
                ",".join(sorted(services)) or "(none)",
                f"nothing starts {names[0]} on hosts that have {path}",
                f"add the service {names[0]} to {where.kind} {where.name}",
                host.files[path].place,
                f"read by {' or '.join(names)}",
            )


def _where(view: View, device: str) -> EntityPath:
    """Return the category that gives the device its roles, or else the device."""
    path = EntityPath.of("device", device)
    entity = view.get(path)
    category = entity.text("category") if entity else ""
    inherits = any(each.source for each in effective_roles(view, device).values())
    return EntityPath.of("category", category) if category and inherits else path
