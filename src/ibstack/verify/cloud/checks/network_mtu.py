# SPDX-License-Identifier: Apache-2.0
"""Networks get the MTU that IPoIB carries on this fabric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.neutron.fabric_mtu import (
    FabricMtu,
    IpoibMode,
    MtuOptions,
    explain_difference,
    network_mtu,
)
from ibstack.verify.check import Rule, Seen
from ibstack.verify.cloud.networks import PLACE, servers
from ibstack.verify.cloud.served import infiniband
from ibstack.verify.evidence import Unread
from ibstack.verify.fabric.files import statements
from ibstack.verify.site import with_agents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.cloud.networks import Ml2
    from ibstack.verify.site import Agent, Site

_SOURCE: Final = f"{PLACE}, PortInfo of the fabric's ports"
_GROUP_BYTES: Final = {"1": 256, "2": 512, "3": 1024, "4": 2048, "5": 4096}
_USUAL_GROUP_BYTES: Final = 2048


def _look(site: Site) -> Iterator[Seen]:
    fabric = _fabric_mtu(site)
    known = servers(site)

    def judge(agents: tuple[Agent, ...]) -> Iterator[Seen]:
        if not known:
            yield Seen("", None, "no server's file was collected", _SOURCE)
        for server in known:
            for name in sorted(infiniband(server, agents)):
                thing = f"physical network {name}"
                if isinstance(fabric, Unread):
                    yield Seen(server.host, None, fabric.why, _SOURCE, thing)
                else:
                    yield _judged(server, name, fabric)

    return with_agents(judge)(site)


def _judged(server: Ml2, name: str, fabric: FabricMtu) -> Seen:
    try:
        options = _options(server)
    except ValueError as error:
        return Seen(server.host, False, f"an MTU that is no number: {error}", _SOURCE)
    real = fabric.ipoib_bytes(IpoibMode.DATAGRAM)
    said = explain_difference(options, name, fabric)
    remedy = said.partition("; ")[2] if said else ""
    found = f"MTU {network_mtu(options, 'vlan', name)}"
    thing = f"physical network {name}"
    return Seen(server.host, said is None, found, _SOURCE, thing, f"MTU {real}", remedy)


def _options(server: Ml2) -> MtuOptions:
    pairs = [pair.partition(":") for pair in server.listed("ml2", "physical_network_mtus")]
    return MtuOptions(
        global_physnet_mtu=int(server.option("DEFAULT", "global_physnet_mtu") or 1500),
        path_mtu=int(server.option("ml2", "path_mtu") or 0),
        physical_network_mtus={name.strip(): int(mtu) for name, _, mtu in pairs},
    )


def _fabric_mtu(site: Site) -> FabricMtu | Unread:
    if isinstance(site.fabric, Unread):
        return Unread(f"the MTU of the fabric is not known: {site.fabric.why}")
    links = [port.mtu_bytes for port in site.fabric.adapters if port.active and port.mtu_bytes]
    if not links:
        return Unread("no active port of the fabric says its MTU")
    groups = {_USUAL_GROUP_BYTES}
    for host in site.subnet_manager_hosts():
        said = statements(host)
        if not isinstance(said, Unread):
            flags = [flag for each in said if "ipoib" in each.flags for flag in each.flags]
            codes = {flag.removeprefix("mtu=") for flag in flags if flag.startswith("mtu=")}
            groups = {_GROUP_BYTES[code] for code in codes if code in _GROUP_BYTES} or groups
    return FabricMtu(min(links), min(groups))


RULE: Final = Rule(
    "network-mtu",
    "networks get the MTU that IPoIB carries",
    "IPoIB's MTU",
    "`ibstack network defaults --read-fabric` says which options",
    _look,
)
