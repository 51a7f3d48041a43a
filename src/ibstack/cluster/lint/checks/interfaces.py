# SPDX-License-Identifier: Apache-2.0
"""Interfaces that files name, and the host does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.cluster.lint.checks.neutron_names import (
    FABRIC_MAPPINGS,
    OTHER_MAPPINGS,
    mapped,
    mappings,
    not_mappings,
)
from ibstack.cluster.lint.finding import Finding, Place
from ibstack.formats.eswitchd_conf import is_automatic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, Setting


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
            yield Finding(
                "mapping-refused",
                setting.place,
                setting.name,
                item,
                "what reads it does not start: it expects PHYSICAL_NETWORK:INTERFACE",
                "name the physical network and the interface, with a colon between them",
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
