# SPDX-License-Identifier: Apache-2.0
"""Interfaces that files name, and the host does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.lint.checks.neutron_names import FABRIC_MAPPINGS, mapped, mappings
from ibstack.cluster.lint.finding import Finding, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, Setting


def absent(cloud: Cloud) -> Iterator[Finding]:
    """Yield mappings to interfaces that are not on that host, where its interfaces are known."""
    for host in cloud.hosts:
        if host.interfaces is None:
            continue
        for each in mappings(host):
            if each.interface not in host.interfaces:
                yield Finding(
                    "interface-absent",
                    each.setting.place,
                    each.setting.name,
                    f"{each.network}:{each.interface}",
                    f"the agent of this host does not start, or binds no port on {each.network}",
                    "name an interface that the host has",
                    Place("interfaces", host.name),
                    " ".join(sorted(host.interfaces)),
                )


def two_of_one_fabric(cloud: Cloud) -> Iterator[Finding]:
    """Yield fabrics that two files of one host map to different adapters, one or several."""
    for host in cloud.hosts:
        first: dict[str, tuple[Setting, frozenset[str]]] = {}
        for setting in host.of_key(*FABRIC_MAPPINGS):
            for network, interfaces in _interfaces(setting).items():
                other, theirs = first.setdefault(network, (setting, interfaces))
                if theirs != interfaces:
                    yield Finding(
                        "interfaces-differ",
                        setting.place,
                        setting.name,
                        _named(network, interfaces),
                        "two programs of this host use different adapters for one fabric",
                        "name the same interface in both",
                        other.place,
                        _named(network, theirs),
                    )


def _interfaces(setting: Setting) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for each in mapped(setting):
        found[each.network] = found.get(each.network, frozenset()) | {each.interface}
    return found


def _named(network: str, interfaces: frozenset[str]) -> str:
    return ",".join(f"{network}:{each}" for each in sorted(interfaces))
