# SPDX-License-Identifier: Apache-2.0
"""Which options name physical networks, their ranges and interfaces; and how to read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.formats import eswitchd_conf
from ibstack.formats.vlan_ranges import parse_range

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.lint.configuration import Cloud, HostConfiguration, Setting

SERVER_RANGES: Final = ("ml2_type_vlan", "network_vlan_ranges")
SERVER_FLAT: Final = ("ml2_type_flat", "flat_networks")
AGENT_RANGES: Final = (("vlans", "network_vlan_ranges"), ("mlnx", "network_vlan_ranges"))
FABRIC_MAPPINGS: Final = (
    *eswitchd_conf.MAPPING_KEYS,
    ("ipoib", "physical_interface_mappings"),
)
OTHER_MAPPINGS: Final = (
    ("linux_bridge", "physical_interface_mappings"),
    ("ovs", "bridge_mappings"),
)
_TYPE_OF_NETWORK: Final = ("mlnx", "physical_network_type_mappings")
_INFINIBAND: Final = (("infiniband", "physical_networks"), ("fabric", "physical_network"))
_ANY: Final = "*"
COMMENT: Final = re.compile(r"\s[#;](?:\s|$)|\s#")
"""How a comment begins that somebody wrote behind a value."""
_NO_QUOTES: Final = str.maketrans("", "", "'\"")


@dataclass(frozen=True, slots=True)
class Mapping:
    """A physical network and the interface that serves it on a host."""

    network: str
    interface: str
    setting: Setting


def items(setting: Setting) -> list[str]:
    """Return the elements of a value with commas, as they are meant.

    Without quotes, and a comment that slipped into it: checks of their own tell of these.
    """
    text = COMMENT.split(setting.value)[0].translate(_NO_QUOTES)
    return eswitchd_conf.items(text)


def ranges_of(setting: Setting) -> dict[str, frozenset[str]]:
    """Return the ranges FIRST:LAST of each physical network; none: it has no range."""
    found: dict[str, set[str]] = {}
    for item in items(setting):
        network, _, rest = item.partition(":")
        read = parse_range(item)
        if read is not None:
            rest = ":".join(map(str, read.limits or ()))
        found.setdefault(network, set()).update([rest] if rest else [])
    return {network: frozenset(said) for network, said in found.items()}


def mappings(host: HostConfiguration, *keys: tuple[str, str]) -> Iterator[Mapping]:
    """Yield what *host* maps; by all options that do, or *keys*."""
    for setting in host.of_key(*(keys or (*FABRIC_MAPPINGS, *OTHER_MAPPINGS))):
        yield from mapped(setting)


def mapped(setting: Setting) -> Iterator[Mapping]:
    """Yield what one option maps."""
    for item in items(setting):
        found = eswitchd_conf.parse_mapping(item)
        if found is not None:
            yield Mapping(found.physical_network, found.interface, setting)


def not_mappings(setting: Setting) -> list[str]:
    """Return the elements of an option that map nothing."""
    return [each for each in items(setting) if eswitchd_conf.parse_mapping(each) is None]


def fabrics(cloud: Cloud) -> frozenset[str]:
    """Return the physical networks that are InfiniBand, by whatever says so."""
    found = set(cloud.view.names("fabric")) if cloud.view is not None else set()
    for setting in cloud.of_key(*_INFINIBAND):
        found.update(items(setting))
    for host in cloud.hosts:
        found.update(each.network for each in mappings(host, *FABRIC_MAPPINGS))
        typed = mappings(host, _TYPE_OF_NETWORK)
        found.update(each.network for each in typed if each.interface == "ib")
    return frozenset(found) - {_ANY}
