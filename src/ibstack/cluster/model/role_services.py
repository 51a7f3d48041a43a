# SPDX-License-Identifier: Apache-2.0
"""Which services belong to a role: what runs on a host because it has the role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.inheritance import effective_roles
from ibstack.cluster.model.role import (
    INFINIBAND_HOST,
    OPENSTACK_NETWORK,
    OPENSTACK_NODE,
    SUBNET_MANAGER,
)

if TYPE_CHECKING:
    from ibstack.cluster.model.state import View

# By the names that distributions have for them: those that read the files a role generates.
SERVICES: Final[dict[str, frozenset[str]]] = {
    OPENSTACK_NODE: frozenset(
        {"nova-compute", "openstack-nova-compute", "libvirtd", "openvswitch-switch"}
        | {"neutron-openvswitch-agent", "neutron-linuxbridge-agent"}
        | {"neutron-server", "neutron-api", "neutron-rpc-server"}
    ),
    OPENSTACK_NETWORK: frozenset(
        {"neutron-dhcp-agent", "neutron-l3-agent", "neutron-metadata-agent", "openvswitch-switch"}
        | {"neutron-openvswitch-agent", "neutron-linuxbridge-agent"}
    ),
    SUBNET_MANAGER: frozenset({"opensm", "opensmd", "ibstack-fabricd"}),
    INFINIBAND_HOST: frozenset(
        {"openibd", "eswitchd", "neutron-mlnx-agent", "ibstack-agent", "ibstack-eswitchd"}
    ),
}


def role_of_service(view: View, path: EntityPath, device: str = "") -> str:
    """Return the role that brings the service, of those its owner has; empty for none.

    *device*: the one to look at, where the service may be its category's.
    """
    owner = path.parent
    if owner is None:
        return ""
    host = device or (owner.name if owner.kind == "device" else "")
    if host and view.get(EntityPath.of("device", host)) is not None:
        roles = list(effective_roles(view, host))
    else:
        roles = view.names("roles", owner)
    return next((role for role in roles if path.name in SERVICES.get(role, ())), "")
