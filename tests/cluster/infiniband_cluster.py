# SPDX-License-Identifier: Apache-2.0
"""The article's cluster when InfiniBand is described: by Mellanox's former stack, or by ibstack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.article import starting_state
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.state import Draft

if TYPE_CHECKING:
    from ibstack.cluster.model.value import Value

FABRIC = EntityPath.of("fabric", "ibhostnet")
HEAD_ROLE = EntityPath.of("device", "headnode").inside("roles", "openstacknode")
COMPUTE_ROLE = EntityPath.of("category", "openstack-compute-hosts").inside("roles", "openstacknode")
NETWORK_ROLE = EntityPath.of("category", "openstack-network-nodes").inside(
    "roles", "openstacknetwork"
)
GUID = "0x0002c90300000011"

ML2 = "/etc/neutron/plugins/ml2/ml2_conf.ini"
BRIDGE = "/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini"
RANGES = "ibhostnet:1:10,phyvlanhostnet:11:20"
HEAD_ITEMS = (
    f"-{ML2}[ml2]type_drivers",
    f"+{ML2}[ml2]type_drivers=flat,vlan",
    f"-{ML2}[ml2]tenant_network_types",
    f"+{ML2}[ml2]tenant_network_types=flat,vlan",
    f"-{ML2}[ml2]mechanism_drivers",
    f"+{ML2}[ml2]mechanism_drivers=mlnx,linuxbridge,l2population",
    f"-{ML2}[ml2_type_vlan]network_vlan_ranges",
    f"+{ML2}[ml2_type_vlan]network_vlan_ranges={RANGES}",
    f"+{ML2}[eswitch]vnic_type=hostdev",
    f"+{ML2}[eswitch]apply_profile_patch=True",
)


def compute_items(interface: str) -> tuple[str, ...]:
    """Return the article's modifications of compute hosts; *interface*: its eth_ipoib one."""
    mappings = f"ibhostnet:{interface},phyflatnet:br0-flat-veth,phyvlanhostnet:eth0"
    return (
        f"-{BRIDGE}[vlans]tenant_network_type",
        f"+{BRIDGE}[vlans]tenant_network_type=flat,vlan",
        f"-{BRIDGE}[vlans]network_vlan_ranges",
        f"+{BRIDGE}[vlans]network_vlan_ranges={RANGES}",
        f"-{BRIDGE}[linux_bridge]physical_interface_mappings",
        f"+{BRIDGE}[linux_bridge]physical_interface_mappings={mappings}",
    )


def set_values(draft: Draft, path: EntityPath, **values: Value) -> None:
    entity = draft.get(path)
    assert entity is not None, path
    for name, value in values.items():
        entity = entity.with_value(name, value)
    draft.put(entity)


def infiniband_roles(draft: Draft, **values: Value) -> None:
    for category in ("openstack-compute-hosts", "openstack-network-nodes"):
        path = EntityPath.of("category", category).inside("roles", "infinibandhost")
        draft.put(Entity(path, "infinibandhost", {"fabric": "ibhostnet", **values}))


def former_cluster() -> Draft:
    """Return the article's cluster as it is at its end, with all that it sets by hand."""
    draft = Draft(starting_state())
    set_values(
        draft, FABRIC, stack="mlnx", partitions="static", mode="connected", defaultmembership="full"
    )
    infiniband_roles(draft, driveroptions=("debug_level=1",))
    set_values(draft, HEAD_ROLE, configfilemodifications=HEAD_ITEMS)
    set_values(draft, COMPUTE_ROLE, configfilemodifications=compute_items("eth6"))
    set_values(draft, NETWORK_ROLE, dnsmasqconfigfile="/etc/neutron/dnsmasq.bright.conf")
    own = EntityPath.of("device", "node003").inside("roles", "openstacknode")
    items = compute_items("eth4")
    values: dict[str, Value] = {"configfilemodifications": items, "l2agent": "linuxbridge"}
    draft.put(Entity(own, "openstacknode", values))
    return draft


def todays_cluster(isolation: str = "vlan") -> Draft:
    """Return the same cluster with ibstack, fabricd and Open vSwitch."""
    draft = Draft(starting_state())
    infiniband_roles(draft)
    for role in (HEAD_ROLE, COMPUTE_ROLE, NETWORK_ROLE):
        set_values(draft, role, l2agent="openvswitch", isolation=isolation)
    port = EntityPath.of("device", "headnode").inside("interfaces", "ib0")
    draft.put(Entity(port, "physical", {"guid": GUID}))
    for node in ("node001", "node002", "node003"):
        bridge = EntityPath.of("device", node).inside("interfaces", "br-vlan")
        draft.put(Entity(bridge, "bridge", {"network": "internalnet"}))
    return draft


def two_fabrics(adapter: str = "mlx5", **values: Value) -> Draft:
    """Return today's cluster with a second fabric, of *adapter* and *values*, on ib2 of hosts."""
    draft = todays_cluster()
    second = EntityPath.of("fabric", "ibstorage")
    draft.put(Entity(second, "", {"keyrange": "100:200", "adapter": adapter, **values}))
    infiniband_roles(draft, furtherfabrics=("ibstorage",), furtherinterfaces=("ib2",))
    return draft
