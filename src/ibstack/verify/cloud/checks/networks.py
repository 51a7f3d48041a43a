# SPDX-License-Identifier: Apache-2.0
"""Physical networks: known by one name everywhere, served, with keys and MTU that fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.ipoib import IpoibMode
from ibstack.fabric.neutron_names import MELLANOX_AGENT, OUR_AGENTS, PARTITION_AGENT
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, KeyRange, PartitionKey
from ibstack.facts.evidence import FABRICD_CONF, Missing, last, shown
from ibstack.neutron.networks.fabric_mtu import (
    FabricMtu,
    MtuOptions,
    explain_difference,
    network_mtu,
)
from ibstack.verify.check import Observation, rule
from ibstack.verify.cloud.networks import PLACE, servers
from ibstack.verify.cloud.served import infiniband, mapped_by
from ibstack.verify.fabric.files import statements
from ibstack.verify.selectors import each_agent, unknown, with_agents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.facts.site import Agent, Site
    from ibstack.formats.ini import Keys
    from ibstack.verify.cloud.networks import Ml2


@rule(
    "key-ranges",
    "the keys that Neutron gives out are ibstack's",
    "within owned_keys",
    "narrow [ml2_type_vlan] network_vlan_ranges, or widen [fabric] owned_keys on every SM host:"
    " a port with another key is not served",
)
def key_ranges(site: Site) -> Iterator[Observation]:
    """Keys that Neutron gives out are keys that ibstack-fabricd may change."""
    known, hosts = servers(site), site.subnet_manager_hosts()
    if not known:
        yield Observation("", None, "no server's file was collected", PLACE)
    if not hosts:
        yield Observation("", None, "no SM host's file was collected", shown(FABRICD_CONF))
    for host in hosts:
        keys = host.ini(FABRICD_CONF)
        if not isinstance(keys, Missing):
            for server in known:
                yield from _ranges_of(server, host.host, keys)
        elif not keys.absent:  # Static partitions are given out by hand.
            yield unknown(host, FABRICD_CONF, keys)


def _ranges_of(server: Ml2, host: str, keys: Keys) -> Iterator[Observation]:
    network = (last(keys, "fabric", "physical_network") or "").strip()
    text = last(keys, "fabric", "owned_keys") or str(DEFAULT_OWNED_KEYS)
    place = f"{server.place}, {shown(FABRICD_CONF)} of {host}"
    try:
        owned = KeyRange.parse(text)
    except BadValue as error:
        yield Observation(host, False, str(error), place, "owned_keys")
        return
    for name, first, final in server.ranges():
        if name == network:
            thing = f"physical network {name}"
            found = f"{first}:{final}" if first is not None else "every VLAN id, 1:4094"
            wanted = f"within {owned.first.base}:{owned.last.base} (owned_keys of {host})"
            yield Observation(
                server.host, _within(first, final, owned), found, place, thing, wanted
            )


def _within(first: int | None, final: int | None, owned: KeyRange) -> bool:
    try:
        return PartitionKey(first or 1) in owned and PartitionKey(final or 4094) in owned
    except BadValue:
        return False


@rule(
    "mapping-known",
    "the physical network that the agent maps is one of the server's",
    "a name in network_vlan_ranges or flat_networks",
    "spell it alike in [eswitch] physical_interface_mappings of the host and in [ml2_type_vlan]"
    " network_vlan_ranges of the server",
    rank=4,
)
def mapping_known(site: Site) -> Iterator[Observation]:
    """What agents map is known to Neutron's server, by the same name."""
    known = servers(site)

    def judge(agent: Agent) -> Iterator[Observation]:
        for name in sorted(mapped_by(agent)) if agent.kind in OUR_AGENTS else ():
            thing = f"agent {agent.binary}"
            if not known:
                yield Observation(agent.host, None, "no server's file was collected", PLACE, thing)
            for server in known:
                names = sorted(server.physical_networks())
                wanted = f"one of {server.host}'s: {', '.join(names) or 'none'}"
                found = f"maps {name}"
                yield Observation(agent.host, name in names, found, server.place, thing, wanted)

    return each_agent(judge)(site)


_MTU_SOURCE: Final = f"{PLACE}, PortInfo of the fabric's ports"
_GROUP_BYTES: Final = {"1": 256, "2": 512, "3": 1024, "4": 2048, "5": 4096}
_USUAL_GROUP_BYTES: Final = 2048


@rule(
    "network-mtu",
    "networks get the MTU that IPoIB carries",
    "IPoIB's MTU",
    "`ibstack network defaults --read-fabric` says which options",
)
def mtu_of_networks(site: Site) -> Iterator[Observation]:
    """Networks get the MTU that IPoIB carries on this fabric."""
    fabric = _fabric_mtu(site)
    known = servers(site)

    def judge(agents: tuple[Agent, ...]) -> Iterator[Observation]:
        if not known:
            yield Observation("", None, "no server's file was collected", _MTU_SOURCE)
        for server in known:
            for name in sorted(infiniband(server, agents)):
                thing = f"physical network {name}"
                if isinstance(fabric, Missing):
                    yield Observation(server.host, None, fabric.why, _MTU_SOURCE, thing)
                else:
                    yield _mtu_of(server, name, fabric)

    return with_agents(judge)(site)


def _mtu_of(server: Ml2, name: str, fabric: FabricMtu) -> Observation:
    try:
        options = _mtu_options(server)
    except ValueError as error:
        return Observation(server.host, False, f"an MTU that is no number: {error}", _MTU_SOURCE)
    real = fabric.ipoib_bytes(IpoibMode.DATAGRAM)
    said = explain_difference(options, name, fabric)
    remedy = said.partition("; ")[2] if said else ""
    found = f"MTU {network_mtu(options, 'vlan', name)}"
    thing = f"physical network {name}"
    return Observation(server.host, said is None, found, _MTU_SOURCE, thing, f"MTU {real}", remedy)


def _mtu_options(server: Ml2) -> MtuOptions:
    pairs = [pair.partition(":") for pair in server.listed("ml2", "physical_network_mtus")]
    return MtuOptions(
        global_physnet_mtu=int(server.option("DEFAULT", "global_physnet_mtu") or 1500),
        path_mtu=int(server.option("ml2", "path_mtu") or 0),
        physical_network_mtus={name.strip(): int(mtu) for name, _, mtu in pairs},
    )


def _fabric_mtu(site: Site) -> FabricMtu | Missing:
    if isinstance(site.fabric, Missing):
        return Missing(f"the MTU of the fabric is not known: {site.fabric.why}")
    links = [port.mtu_bytes for port in site.fabric.adapters if port.active and port.mtu_bytes]
    if not links:
        return Missing("no active port of the fabric says its MTU")
    groups = {_USUAL_GROUP_BYTES}
    for host in site.subnet_manager_hosts():
        said = statements(host)
        if not isinstance(said, Missing):
            flags = [flag for each in said if "ipoib" in each.flags for flag in each.flags]
            codes = {flag.removeprefix("mtu=") for flag in flags if flag.startswith("mtu=")}
            groups = {_GROUP_BYTES[code] for code in codes if code in _GROUP_BYTES} or groups
    return FabricMtu(min(links), min(groups))


_HEARTBEATS: Final = "`openstack network agent list`, configurations"


@rule(
    "network-served",
    "the InfiniBand physical network is served",
    "hosts with adapters, and one fabricd that is master",
    "map it on hosts in [eswitch] physical_interface_mappings; start ibstack-fabricd on its SM"
    " hosts, and see that OpenSM runs there; `openstack network agent delete` forgets those of a"
    " host that is gone",
)
def network_served(site: Site) -> Iterator[Observation]:
    """Each physical network has hosts with adapters, and a subnet manager with fabricd."""

    def judge(agents: tuple[Agent, ...]) -> Iterator[Observation]:
        names = {name for server in servers(site) for name in infiniband(server, agents)}
        names |= {name for agent in agents for name in mapped_by(agent)}
        for name in sorted(names):
            yield _served(name, agents)
        if not names:
            yield Observation("", None, "nothing names an InfiniBand physical network", _HEARTBEATS)

    return with_agents(judge)(site)


def _served(name: str, agents: Iterable[Agent]) -> Observation:
    serving = [agent for agent in agents if name in mapped_by(agent)]
    hosts = sum(agent.kind == MELLANOX_AGENT and agent.alive for agent in serving)
    managers = [agent for agent in serving if agent.kind == PARTITION_AGENT]
    alive = [agent for agent in managers if agent.alive]
    masters = sum(agent.configurations.get("role") == "master" for agent in alive)
    # A site with static partitions has no fabricd at all, and none that is dead either.
    found = (
        f"{hosts} hosts with adapters, {len(alive)} of {len(managers)} fabricds alive,"
        f" {masters} master"
    )
    holds = hosts > 0 and (masters == 1 or not managers)
    return Observation("", holds, found, _HEARTBEATS, f"physical network {name}")
