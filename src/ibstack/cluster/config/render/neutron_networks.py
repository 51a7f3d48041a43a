# SPDX-License-Identifier: Apache-2.0
"""What several of Neutron's files must say alike: ranges, and what physical networks ride on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.host import SourcedValue, joined, key_range
from ibstack.cluster.model.role import OPENSTACK_NETWORK, OPENSTACK_NODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.render.host import Host, Role, Sourced

VXLAN, VLAN = "vxlan", "vlan"
MULTICAST_GROUP: Final = "224.0.0.1"
"""What VTEPs without L2 population flood to; the same on all of them."""

_LAST_VLAN: Final = 4094
_ALL_VNIS: Final = "1:8000"
_MAPPED: Final = {"openvswitch": frozenset({"bridge"})}
_ANY_INTERFACE: Final = frozenset({"physical", "bond", "bridge", "vlan"})


def vlan_ranges(host: Host, role: Role) -> SourcedValue:
    """Return network_vlan_ranges: the key ranges of fabrics, and the ranges of VLAN networks."""
    found: list[SourcedValue] = []
    for fabric in host.fabrics_of(role):
        keys = key_range(fabric)
        if keys.first <= _LAST_VLAN:
            text = f"{fabric.name}:{keys.first}:{min(keys.last, _LAST_VLAN)}"
            found.append(SourcedValue(text, fabric["keyrange"].origin))
    for network in host.networks_of_type("VLAN"):
        said, name = network["openstackvlanrange"], network["openstackphysicalnetworkname"].text
        # Without a range, administrators may use it and tenants are never given it.
        found.append(SourcedValue(f"{name}:{said.text}" if said.text else name, said.origin))
    return joined(found, role.path)


def vni_ranges(host: Host, role: Role) -> SourcedValue:
    """Return the segments of VXLAN networks."""
    said = [each["openstackvlanrange"] for each in host.networks_of_type("VXLAN")]
    said = [each for each in said if each.text]
    return joined(said or [SourcedValue(_ALL_VNIS, role["isolation"].origin)])


def flat_networks(host: Host, role: Role) -> SourcedValue:
    """Return the physical networks without isolation."""
    said = (each["openstackphysicalnetworkname"] for each in host.networks_of_type("Flat"))
    return joined(said, role.path)


def interface_mappings(host: Host, role: Role) -> SourcedValue:
    """Return PHYSICAL_NETWORK:INTERFACE: what the role says, else what the host's interfaces do."""
    said = role["interfacemappings"]
    found = dict.fromkeys(said.words, said.origin)
    named = {item.partition(":")[0] for item in said.words}
    for network, types in _riding(host, role):
        name = network["openstackphysicalnetworkname"].text
        interface = host.interface_on(network.name, types) or host.interface_on(
            network["openstackhostnetwork"].text, types
        )
        if name not in named and interface is not None:
            found[f"{name}:{interface.name}"] = interface["network"].origin
    return joined((SourcedValue(*each) for each in found.items()), said.origin)


def tunnel_address(host: Host) -> SourcedValue:
    """Return this host's address on the network that VXLAN rides on."""
    for network in host.networks_of_type("VXLAN"):
        below = network["openstackhostnetwork"].text
        if below:
            return host.address_on(below)
    return host.address_on("")


def layer_2_role(host: Host) -> Role | None:
    """Return the role for which this host runs Neutron's agent for ordinary networks."""
    node, network = host.roles.get(OPENSTACK_NODE), host.roles.get(OPENSTACK_NETWORK)
    return node if node is not None and not host.is_head else network


def stacks(host: Host, role: Role) -> tuple[str, ...]:
    """Return which software serves the fabrics of *role*."""
    return tuple(dict.fromkeys(each["stack"].text for each in host.fabrics_of(role)))


def _riding(host: Host, role: Role) -> Iterator[tuple[Sourced, frozenset[str]]]:
    types = _MAPPED.get(role["l2agent"].text, _ANY_INTERFACE)
    for type_ in ("Flat", "VLAN"):
        # With VXLAN the VLAN networks of the site are not its tenants'.
        if type_ == "Flat" or role["isolation"].value == VLAN:
            for network in host.networks_of_type(type_):
                yield network, types
