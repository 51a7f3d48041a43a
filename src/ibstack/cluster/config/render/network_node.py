# SPDX-License-Identifier: Apache-2.0
"""dhcp_agent.ini and l3_agent.ini of network nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.infiniband_host import adapters_of, joined, mappings, of_ibstack
from ibstack.cluster.config.render.ini_file import IniFile
from ibstack.cluster.config.render.neutron_networks import stacks
from ibstack.cluster.model.role import OPENSTACK_NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.render.host import Host, Role

DHCP_PATH: Final = "/etc/neutron/dhcp_agent.ini"
L3_PATH: Final = "/etc/neutron/l3_agent.ini"
INI_PATHS: Final[tuple[str, ...]] = (DHCP_PATH, L3_PATH)
_FORMER_INTERFACE_DRIVERS: Final = {
    "linuxbridge": "neutron.agent.linux.interface.BridgeInterfaceDriver",
    "openvswitch": "neutron.agent.linux.interface.OVSInterfaceDriver",
}
_FORMER_DHCP_DRIVER: Final = "mlnx_dhcp.MlnxDnsmasq"
# A path, not ibstack.neutron's name for it: this room renders without Neutron.
_DHCP_DRIVER: Final = "ibstack.neutron.agents.dhcp_driver.Dnsmasq"


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield both files, on hosts with the role."""
    role = host.roles.get(OPENSTACK_NETWORK)
    if role is None:
        return
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
