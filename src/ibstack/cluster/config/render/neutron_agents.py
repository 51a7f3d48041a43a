# SPDX-License-Identifier: Apache-2.0
"""Files of Neutron's agents: for ordinary networks, and on network nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.host import joined
from ibstack.cluster.config.render.infiniband_host import adapters_of, mappings, of_ibstack
from ibstack.cluster.config.render.neutron_networks import (
    MULTICAST_GROUP,
    VXLAN,
    interface_mappings,
    layer_2_role,
    stacks,
    tunnel_address,
    vlan_ranges,
)
from ibstack.cluster.config.render.sourced_files import IniFile
from ibstack.cluster.model.role import OPENSTACK_NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.render.host import Host, Role

OPENVSWITCH_PATH: Final = "/etc/neutron/plugins/ml2/openvswitch_agent.ini"
LINUXBRIDGE_PATH: Final = "/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini"
DHCP_PATH: Final = "/etc/neutron/dhcp_agent.ini"
L3_PATH: Final = "/etc/neutron/l3_agent.ini"
INI_PATHS: Final = (OPENVSWITCH_PATH, LINUXBRIDGE_PATH, DHCP_PATH, L3_PATH)
_IPTABLES: Final = "neutron.agent.linux.iptables_firewall.IptablesFirewallDriver"


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield the file of the agent that the host's role names, and those of a network node."""
    role = layer_2_role(host)
    make = _LAYER_2.get(role["l2agent"].text) if role is not None else None
    if role is not None and make is not None:
        yield make(host, role).generated(host)
    if OPENSTACK_NETWORK in host.roles:
        yield from _of_network_node(host, host.roles[OPENSTACK_NETWORK])


def _openvswitch(host: Host, role: Role) -> IniFile:
    ini = IniFile(OPENVSWITCH_PATH, ("neutron-openvswitch-agent",), group="neutron")
    ini.say("ovs", "bridge_mappings", interface_mappings(host, role))
    if role["isolation"].value == VXLAN:
        ini.say("ovs", "local_ip", tunnel_address(host))
        ini.put("agent", "tunnel_types", "vxlan", role["isolation"].origin)
        ini.put("agent", "l2_population", "True", role["isolation"].origin)
    ini.put("securitygroup", "enable_security_group", "True", role.path)
    ini.put("securitygroup", "firewall_driver", "openvswitch", role["l2agent"].origin)
    return ini


def _linuxbridge(host: Host, role: Role) -> IniFile:
    isolation = role["isolation"]
    tunnels = isolation.value == VXLAN
    ini = IniFile(LINUXBRIDGE_PATH, ("neutron-linuxbridge-agent",), group="neutron")
    # vxlan is not listed here: this option is of the plugin that was before ML2.
    types = "flat" if tunnels else "flat,vlan"
    ini.put("vlans", "tenant_network_type", types, isolation.origin)
    ini.say("vlans", "network_vlan_ranges", vlan_ranges(host, role))
    ini.say("linux_bridge", "physical_interface_mappings", interface_mappings(host, role))
    ini.put("vxlan", "enable_vxlan", str(tunnels), isolation.origin)
    if tunnels:
        ini.say("vxlan", "local_ip", tunnel_address(host))
        ini.put("vxlan", "vxlan_group", MULTICAST_GROUP, isolation.origin)
        ini.put("vxlan", "l2_population", "True", isolation.origin)
    ini.put("securitygroup", "firewall_driver", _IPTABLES, role["l2agent"].origin)
    return ini


_FORMER_INTERFACE_DRIVERS: Final = {
    "linuxbridge": "neutron.agent.linux.interface.BridgeInterfaceDriver",
    "openvswitch": "neutron.agent.linux.interface.OVSInterfaceDriver",
}
_FORMER_DHCP_DRIVER: Final = "mlnx_dhcp.MlnxDnsmasq"
# A path, not ibstack.neutron's name for it: this room renders without Neutron.
_DHCP_DRIVER: Final = "ibstack.neutron.agents.dhcp_driver.Dnsmasq"


_LAYER_2: Final = {"openvswitch": _openvswitch, "linuxbridge": _linuxbridge}


def _of_network_node(host: Host, role: Role) -> Iterator[GeneratedFile]:
    former = "mlnx" in stacks(host, role)
    dhcp = IniFile(DHCP_PATH, ("neutron-dhcp-agent",), group="neutron")
    l3 = IniFile(L3_PATH, ("neutron-l3-agent",), group="neutron")
    if former:
        origins = [each["stack"].origin for each in host.fabrics_of(role)]
        dhcp.put("DEFAULT", "dhcp_driver", _FORMER_DHCP_DRIVER, *origins)
    elif adapters := of_ibstack(adapters_of(host)):
        # With Neutron's own a guest without a hardware address loses its lease (decision 71).
        dhcp.put("DEFAULT", "dhcp_driver", _DHCP_DRIVER, adapters[0].role.path)
    dhcp.put("DEFAULT", "enable_isolated_metadata", "True", role.path)
    if role["dnsmasqconfigfile"].value:
        dhcp.say("DEFAULT", "dnsmasq_config_file", role["dnsmasqconfigfile"])
    for ini in (dhcp, l3):
        _interface_driver(ini, host, role, former=former)
        yield ini.generated(host)


def _interface_driver(ini: IniFile, host: Host, role: Role, *, former: bool) -> None:
    agent, adapters = role["l2agent"], of_ibstack(adapters_of(host))
    if former or not adapters:
        if agent.value != "none":
            name = _FORMER_INTERFACE_DRIVERS[agent.text] if former else agent.text
            ini.put("DEFAULT", "interface_driver", name, agent.origin)
        return
    driver = "ipoib" if agent.value == "none" else "multi"
    ini.put("DEFAULT", "interface_driver", driver, adapters[0].role.path, agent.origin)
    ini.say("ipoib", "physical_interface_mappings", mappings(adapters))
    # One for all of them: checks of the model tell of fabrics that differ.
    origin = joined(each.fabric["mode"] for each in adapters).origin
    ini.put("ipoib", "mode", adapters[0].fabric["mode"].text, origin)
    if agent.value != "none":
        ini.say("ipoib", "ordinary_interface_driver", agent)
