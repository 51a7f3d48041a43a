# SPDX-License-Identifier: Apache-2.0
"""ml2_conf.ini of the hosts that run neutron-server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.broker import (
    SERVER_KEY_PATH,
    SERVERS,
    Account,
    give_account,
    give_key,
    take_unsigned,
)
from ibstack.cluster.config.render.host import SourcedValue, ipoib_mtu, owned_keys
from ibstack.cluster.config.render.neutron_networks import (
    MULTICAST_GROUP,
    VXLAN,
    flat_networks,
    stacks,
    vlan_ranges,
    vni_ranges,
)
from ibstack.cluster.config.render.sourced_files import IniFile
from ibstack.cluster.model.role import OPENSTACK_NODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.render.host import Host, Role, Sourced

PATH: Final = "/etc/neutron/plugins/ml2/ml2_conf.ini"
INI_PATHS: Final[tuple[str, ...]] = (PATH,)
_DRIVERS: Final = {"ibstack": "infiniband", "mlnx": "mlnx"}
# Neutron of that time took any driver but its no-op one for "security groups are on".
_ANY_FIREWALL: Final = "dummy_value_do_not_remove"
_ETHERNET_MTU: Final = 1500


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield the file, on a head node for OpenStack."""
    role = host.roles.get(OPENSTACK_NODE)
    if role is None or not host.is_head:
        return
    ini = IniFile(PATH, SERVERS, group="neutron")
    give_account(ini, host, Account.SERVER)
    _ml2(ini, host, role)
    ini.say("ml2_type_flat", "flat_networks", flat_networks(host, role))
    ini.say("ml2_type_vlan", "network_vlan_ranges", vlan_ranges(host, role))
    if role["isolation"].value == VXLAN:
        ini.say("ml2_type_vxlan", "vni_ranges", vni_ranges(host, role))
        if role["l2agent"].value == "linuxbridge":
            ini.put("ml2_type_vxlan", "vxlan_group", MULTICAST_GROUP, role["isolation"].origin)
    ini.put("securitygroup", "enable_security_group", "True", role.path)
    if "mlnx" in stacks(host, role):
        ini.put("securitygroup", "firewall_driver", _ANY_FIREWALL, role.path)
    ours = [each for each in host.fabrics_of(role) if each["stack"].value == "ibstack"]
    if ours:
        _mtus(ini, host, ours)
        _infiniband(ini, ours)
        give_key(ini, host, "infiniband", SERVER_KEY_PATH)
        take_unsigned(ini, host)
    yield ini.generated(host)


def _ml2(ini: IniFile, host: Host, role: Role) -> None:
    isolation, agent = role["isolation"], role["l2agent"]
    tunnels = isolation.value == VXLAN
    ini.put("ml2", "type_drivers", "flat,vlan" + ",vxlan" * tunnels, isolation.origin)
    # The first one is what a tenant gets who does not choose.
    ini.put("ml2", "tenant_network_types", "vxlan," * tunnels + "vlan", isolation.origin)
    drivers = [_DRIVERS[stack] for stack in stacks(host, role)]
    origins = [fabric["stack"].origin for fabric in host.fabrics_of(role)]
    if agent.value != "none":
        drivers.append(agent.text)
        origins.append(agent.origin)
    if tunnels:
        drivers.append("l2population")
        origins.append(isolation.origin)
    ini.put("ml2", "mechanism_drivers", ",".join(drivers), *origins)


def _mtus(ini: IniFile, host: Host, fabrics: list[Sourced]) -> None:
    """Give fabrics their MTU, and all other networks theirs.

    Neutron takes the smaller one of a physical network's and the global one (docs/how-to/mtu.md).
    """
    mtus = {each.name: ipoib_mtu(each) for each in fabrics}
    for type_ in ("Flat", "VLAN"):
        for network in host.networks_of_type(type_):
            mtus.setdefault(network["openstackphysicalnetworkname"].text, network["mtu"])
    largest = max(mtus.values(), key=lambda said: int(said.text))
    below = min(
        (each["mtu"] for each in host.networks_of_type("VXLAN")),
        key=lambda said: int(said.text),
        default=SourcedValue(_ETHERNET_MTU, fabrics[0].path),
    )
    named = ",".join(f"{name}:{said.text}" for name, said in mtus.items())
    ini.say("DEFAULT", "global_physnet_mtu", largest)
    ini.say("ml2", "path_mtu", below)
    ini.put("ml2", "physical_network_mtus", named, *(said.origin for said in mtus.values()))


def _infiniband(ini: IniFile, fabrics: list[Sourced]) -> None:
    # The driver has one range for all fabrics; their own ranges are in network_vlan_ranges.
    ini.say("infiniband", "owned_keys", owned_keys(fabrics))
    names = ",".join(each.name for each in fabrics)
    ini.put("infiniband", "physical_networks", names, *(each.path for each in fabrics))
