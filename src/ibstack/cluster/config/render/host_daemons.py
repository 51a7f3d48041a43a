# SPDX-License-Identifier: Apache-2.0
"""Files of the programs beside an adapter: nova-compute, ibstack's daemons, or Mellanox's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ibstack.cluster.config.render.broker import Account, give_account
from ibstack.cluster.config.render.host import SourcedValue, joined, key_range
from ibstack.cluster.config.render.infiniband_host import (
    adapters_of,
    mappings,
    of_ibstack,
    of_mellanox,
)
from ibstack.cluster.config.render.sourced_files import IniFile
from ibstack.cluster.model.role import OPENSTACK_NODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.config.render.host import Host, Sourced
    from ibstack.cluster.config.render.infiniband_host import Adapter

NOVA_PATH: Final = "/etc/nova/nova.conf"
AGENT_PATH: Final = "/etc/ibstack/agent.conf"
ESWITCHD_PATH: Final = "/etc/ibstack/eswitchd.conf"
FORMER_AGENT_PATH: Final = "/etc/neutron/plugins/mlnx/mlnx_conf.ini"
FORMER_ESWITCHD_PATH: Final = "/etc/eswitchd/eswitchd.conf"
INI_PATHS: Final = (
    *(NOVA_PATH, AGENT_PATH, ESWITCHD_PATH),
    *(FORMER_AGENT_PATH, FORMER_ESWITCHD_PATH),
)
_SOCKET: Final = "/run/ibstack/eswitchd.sock"
_AGENTS_GROUP: Final = "neutron"
_FORMER_PORT: Final = 60001
_FORMER_VIF_DRIVER: Final = "mlnxvif.vif.MlxEthVIFDriver"
# VFs of ConnectX-3 have one id; later cards have one for each generation.
_MLX4_VF: Final = {"vendor_id": "15b3", "product_id": "1004"}


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield the files, on hosts with an adapter: a section of nova.conf on compute hosts."""
    adapters = adapters_of(host)
    ours, former = of_ibstack(adapters), of_mellanox(adapters)
    if adapters and OPENSTACK_NODE in host.roles and not host.is_head:
        yield _nova(adapters, ours, former).generated(host)
    if ours:
        yield _agent(host, ours).generated(host)
    for make, served in (
        (_eswitchd, ours),
        (_former_agent, former),
        (_former_eswitchd, former),
    ):
        if served:
            yield make(served).generated(host)


def _nova(
    adapters: tuple[Adapter, ...], ours: tuple[Adapter, ...], former: tuple[Adapter, ...]
) -> IniFile:
    """Return the part of nova.conf that gives nova-compute the virtual functions."""
    ini = IniFile(NOVA_PATH, ("nova-compute", "openstack-nova-compute"), whole=False, group="nova")
    if ours:
        # One id means all VFs of mlx4, so with several adapters they go by their interfaces.
        by_id = sum(each.is_mlx4 for each in adapters) == 1
        specs = tuple(_device_spec(each, by_id=by_id) for each in ours)
        ini.put_all("pci", "device_spec", specs, *(o for each in ours for o in _origins(each)))
    if former:
        stacks = (each.fabric["stack"].origin for each in former)
        ini.put("libvirt", "vif_driver", _FORMER_VIF_DRIVER, *stacks)
    return ini


def _origins(adapter: Adapter) -> tuple[str, ...]:
    return adapter.fabric.path, adapter.fabric["adapter"].origin, adapter.interface.origin


def _device_spec(adapter: Adapter, *, by_id: bool) -> str:
    mlx4 = adapter.is_mlx4 and by_id
    which = _MLX4_VF if mlx4 else {"devname": adapter.interface.text}
    return json.dumps({**which, "physical_network": adapter.fabric.name})


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
