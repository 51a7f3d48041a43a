# SPDX-License-Identifier: Apache-2.0
"""openvswitch_agent.ini, and linuxbridge_conf.ini for clouds whose Neutron still has that agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.ini_file import IniFile
from ibstack.cluster.config.render.neutron_networks import (
    MULTICAST_GROUP,
    VXLAN,
    interface_mappings,
    layer_2_role,
    tunnel_address,
    vlan_ranges,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.render.host import Host, Role

OPENVSWITCH_PATH: Final = "/etc/neutron/plugins/ml2/openvswitch_agent.ini"
LINUXBRIDGE_PATH: Final = "/etc/neutron/plugins/linuxbridge/linuxbridge_conf.ini"
INI_PATHS: Final[tuple[str, ...]] = (OPENVSWITCH_PATH, LINUXBRIDGE_PATH)
_IPTABLES: Final = "neutron.agent.linux.iptables_firewall.IptablesFirewallDriver"


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield the file of the agent that the host's role names, if it names one."""
    role = layer_2_role(host)
    if role is None:
        return
    if role["l2agent"].value == "openvswitch":
        yield _openvswitch(host, role).generated(host)
    elif role["l2agent"].value == "linuxbridge":
        yield _linuxbridge(host, role).generated(host)


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
