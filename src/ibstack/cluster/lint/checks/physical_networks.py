# SPDX-License-Identifier: Apache-2.0
"""Physical networks that one file knows, and another does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.lint.checks.neutron_names import (
    AGENT_RANGES,
    OTHER_MAPPINGS,
    SERVER_FLAT,
    SERVER_RANGES,
    fabrics,
    items,
    mappings,
    ranges_of,
)
from ibstack.cluster.lint.finding import Finding, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, HostConfiguration, Setting


def missing_at_the_server(cloud: Cloud) -> Iterator[Finding]:
    """Yield physical networks that hosts serve and a server's ml2_conf.ini does not have."""
    served = _served(cloud)
    for host in cloud.hosts:
        for ranges in host.of_key(SERVER_RANGES):
            flat = {name for each in host.of_key(SERVER_FLAT) for name in items(each)}
            for network in served.keys() - ranges_of(ranges).keys() - flat:
                if "*" not in flat:
                    yield _missing(ranges, network, served[network])


def _missing(ranges: Setting, network: str, agent: Setting) -> Finding:
    return Finding(
        "physical-network-missing",
        ranges.place,
        ranges.name,
        ranges.value,
        f"Neutron refuses networks on {network}, and gives none of it to tenants",
        f"add {network} with its range",
        agent.place,
        agent.value,
    )


def _served(cloud: Cloud) -> dict[str, Setting]:
    """Return the physical networks that hosts have ranges or interfaces for, and who says so."""
    found: dict[str, Setting] = {}
    for setting in cloud.of_key(*AGENT_RANGES):
        for network in ranges_of(setting):
            found.setdefault(network, setting)
    for host in cloud.hosts:
        for each in mappings(host):
            found.setdefault(each.network, each.setting)
    return found


def not_mapped(cloud: Cloud) -> Iterator[Finding]:
    """Yield physical networks that a host's agent has a range for, and no interface."""
    for host in cloud.hosts:
        mapped = {each.network for each in mappings(host)}
        for setting in host.of_key(*AGENT_RANGES):
            for network in ranges_of(setting).keys() - mapped:
                mapping = next(host.of_key(*OTHER_MAPPINGS), None)
                yield Finding(
                    "physical-network-not-mapped",
                    setting.place,
                    setting.name,
                    setting.value,
                    f"ports on {network} are not bound on this host",
                    f"map {network} to an interface, or take its range away",
                    mapping.place if mapping else None,
                    mapping.value if mapping else "",
                )


def unknown_to_all(cloud: Cloud) -> Iterator[Finding]:
    """Yield networks of the cluster whose physical network nothing else knows."""
    if cloud.view is None:
        return
    known = fabrics(cloud) | _served(cloud).keys() | _of_servers(cloud.hosts)
    for network in cloud.view.children(None, ("network",)):
        name = network.text("openstackphysicalnetworkname")
        if name and name not in known:
            there = ", ".join(sorted(known)) or "none"
            yield Finding(
                "physical-network-unknown",
                Place(str(network.path)),
                "openstackphysicalnetworkname",
                name,
                "Neutron refuses to make this network: no server and no host has its physical"
                " network",
                f"set the name of one that there is: {there}",
            )


def _of_servers(hosts: tuple[HostConfiguration, ...]) -> frozenset[str]:
    return frozenset(
        network
        for host in hosts
        for setting in host.of_key(SERVER_RANGES, SERVER_FLAT)
        for network in ranges_of(setting)
    )
