# SPDX-License-Identifier: Apache-2.0
"""Physical networks and interfaces that one file knows, and another or the host does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.lint.checks.neutron_names import (
    AGENT_RANGES,
    FABRIC_MAPPINGS,
    OTHER_MAPPINGS,
    SERVER_FLAT,
    SERVER_RANGES,
    fabrics,
    items,
    mapped,
    mappings,
    not_mappings,
    ranges_of,
)
from ibstack.cluster.lint.finding import Finding, Place
from ibstack.formats.eswitchd_conf import is_automatic

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
    return ranges.finding(
        "physical-network-missing",
        f"Neutron refuses networks on {network}, and gives none of it to tenants",
        f"add {network} with its range",
        other=agent,
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
                yield setting.finding(
                    "physical-network-not-mapped",
                    f"ports on {network} are not bound on this host",
                    f"map {network} to an interface, or take its range away",
                    other=mapping,
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


def absent(cloud: Cloud) -> Iterator[Finding]:
    """Yield mappings to interfaces that are not on that host, where its interfaces are known.

    Older eswitchd's words for whichever adapter there is are interfaces of no host.
    """
    for host in cloud.hosts:
        there = host.interfaces
        for each in mappings(host):
            if is_automatic(each.interface):
                breaks = "ibstack-eswitchd does not start: it serves interfaces that are named"
            elif there is not None and each.interface not in there:
                breaks = (
                    f"the agent of this host does not start, or binds no port on {each.network}"
                )
            else:
                continue
            yield Finding(
                "interface-absent",
                each.setting.place,
                each.setting.name,
                f"{each.network}:{each.interface}",
                breaks,
                "name an interface that the host has",
                None if there is None else Place("interfaces", host.name),
                " ".join(sorted(there or ())),
            )


def not_understood(cloud: Cloud) -> Iterator[Finding]:
    """Yield elements of a mapping that are none: whoever reads the option refuses all of it."""
    for setting in cloud.of_key(*FABRIC_MAPPINGS, *OTHER_MAPPINGS):
        for item in not_mappings(setting):
            yield setting.finding(
                "mapping-refused",
                "what reads it does not start: it expects PHYSICAL_NETWORK:INTERFACE",
                "name the physical network and the interface, with a colon between them",
                value=item,
            )


def two_of_one_fabric(cloud: Cloud) -> Iterator[Finding]:
    """Yield fabrics that two files of one host map to different adapters, one or several."""
    for host in cloud.hosts:
        first: dict[str, tuple[Setting, frozenset[str]]] = {}
        for setting in host.of_key(*FABRIC_MAPPINGS):
            for network, interfaces in _interfaces(setting).items():
                other, theirs = first.setdefault(network, (setting, interfaces))
                if theirs != interfaces:
                    yield setting.finding(
                        "interfaces-differ",
                        "two programs of this host use different adapters for one fabric",
                        "name the same interface in both",
                        value=_named(network, interfaces),
                        other=other,
                        other_value=_named(network, theirs),
                    )


def _interfaces(setting: Setting) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for each in mapped(setting):
        found[each.network] = found.get(each.network, frozenset()) | {each.interface}
    return found


def _named(network: str, interfaces: frozenset[str]) -> str:
    return ",".join(f"{network}:{each}" for each in sorted(interfaces))
