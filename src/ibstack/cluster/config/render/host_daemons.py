# SPDX-License-Identifier: Apache-2.0
"""Files of the daemons beside an adapter: ibstack's, or Mellanox's where those still run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.broker import Account, give_account
from ibstack.cluster.config.render.host import SourcedValue, key_range
from ibstack.cluster.config.render.infiniband_host import (
    adapters_of,
    joined,
    mappings,
    of_ibstack,
    of_mellanox,
)
from ibstack.cluster.config.render.ini_file import IniFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.render.host import Host, Sourced
    from ibstack.cluster.config.render.infiniband_host import Adapter

AGENT_PATH: Final = "/etc/ibstack/agent.conf"
ESWITCHD_PATH: Final = "/etc/ibstack/eswitchd.conf"
FORMER_AGENT_PATH: Final = "/etc/neutron/plugins/mlnx/mlnx_conf.ini"
FORMER_ESWITCHD_PATH: Final = "/etc/eswitchd/eswitchd.conf"
INI_PATHS: Final[tuple[str, ...]] = (
    AGENT_PATH,
    ESWITCHD_PATH,
    FORMER_AGENT_PATH,
    FORMER_ESWITCHD_PATH,
)
_SOCKET: Final = "/run/ibstack/eswitchd.sock"
_AGENTS_GROUP: Final = "neutron"
_FORMER_PORT: Final = 60001


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield the files of the agent and of eswitchd, on hosts with an adapter."""
    adapters = adapters_of(host)
    ours, former = of_ibstack(adapters), of_mellanox(adapters)
    if ours:
        yield _agent(host, ours).generated(host)
    for make, served in (
        (_eswitchd, ours),
        (_former_agent, former),
        (_former_eswitchd, former),
    ):
        if served:
            yield make(served).generated(host)


def _agent(host: Host, adapters: tuple[Adapter, ...]) -> IniFile:
    ini = IniFile(AGENT_PATH, ("ibstack-agent",), group="neutron")
    give_account(ini, host, Account.AGENT)
    ini.put("eswitch", "socket", _SOCKET, adapters[0].role.path)
    return ini


def _eswitchd(adapters: tuple[Adapter, ...]) -> IniFile:
    ini = IniFile(ESWITCHD_PATH, ("ibstack-eswitchd",))
    role = adapters[0].role
    ini.say("eswitch", "physical_interface_mappings", mappings(adapters))
    ini.put("eswitchd", "socket", _SOCKET, role.path)
    ini.put("eswitchd", "group", _AGENTS_GROUP, role.path)
    return ini


def _former_agent(adapters: tuple[Adapter, ...]) -> IniFile:
    ini = IniFile(FORMER_AGENT_PATH, ("neutron-mlnx-agent",), group="neutron")
    # Two adapters on one fabric share its range.
    fabrics = list({each.fabric.name: each.fabric for each in adapters}.values())
    stack = joined(each["stack"] for each in fabrics).origin
    for name in ("verbose", "debug"):
        ini.put("mlnx", name, "True", stack)
    ini.put("mlnx", "tenant_network_type", "vlan", stack)
    ini.say("mlnx", "network_vlan_ranges", joined(_range(each) for each in fabrics))
    types = joined(SourcedValue(f"{each.name}:ib", each.path) for each in fabrics)
    ini.say("mlnx", "physical_network_type_mappings", types)
    ini.put("mlnx", "physical_network_type", "ib", stack)
    ini.say("eswitch", "physical_interface_mappings", mappings(adapters))
    ini.put("eswitch", "vnic_type", "hostdev", stack)
    ini.put("eswitch", "daemon_endpoint", f"'tcp://localhost:{_FORMER_PORT}'", stack)
    ini.put("agent", "polling_interval", "2", stack)
    ini.put("agent", "rpc_support_old_agents", "True", stack)
    ini.put("securitygroup", "enable_security_group", "True", stack)
    return ini


def _range(fabric: Sourced) -> SourcedValue:
    found = key_range(fabric)
    return SourcedValue(f"{fabric.name}:{found.first}:{found.last}", fabric["keyrange"].origin)


def _former_eswitchd(adapters: tuple[Adapter, ...]) -> IniFile:
    ini = IniFile(FORMER_ESWITCHD_PATH, ("eswitchd",))
    stack = joined(each.fabric["stack"] for each in adapters).origin
    fabrics = mappings(adapters)
    ini.put("DEFAULT", "default_log_levels", '"eswitchd=DEBUG"', stack)
    for name in ("verbose", "debug"):
        ini.put("DEFAULT", name, "True", stack)
    ini.put("DEFAULT", "log_file", "/var/log/eswitchd.log", stack)
    ini.put("DAEMON", "fabrics", f"'{fabrics.text}'", fabrics.origin)
    ini.put("DAEMON", "default_timeout", "4000", stack)
    ini.put("DAEMON", "socket_os_port", str(_FORMER_PORT), stack)
    ini.put("DAEMON", "socket_of_port", str(_FORMER_PORT - 1), stack)
    return ini
