# SPDX-License-Identifier: Apache-2.0
"""What Neutron's files say of physical networks: ranges, types, drivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import ML2_CONF, NEUTRON_CONF, Missing, last, shown, words
from ibstack.facts.neutron_files import placed
from ibstack.formats.vlan_ranges import parse_range

if TYPE_CHECKING:
    from ibstack.facts.evidence import Evidence
    from ibstack.facts.site import Site
    from ibstack.formats.ini import Keys

PLACE: Final = shown(ML2_CONF)


@dataclass(frozen=True, slots=True)
class Ml2:
    """The server's settings, of one controller."""

    host: str
    keys: Keys
    place: str
    """The file that says which drivers it has, for a person."""

    def option(self, section: str, key: str) -> str | None:
        return last(self.keys, section, key)

    def listed(self, section: str, key: str) -> list[str]:
        return words(self.option(section, key))

    def ranges(self) -> list[tuple[str, int | None, int | None]]:
        """Return (physical network, first, last) of [ml2_type_vlan] network_vlan_ranges.

        None, None: any key, or none that Neutron takes.
        """
        found: list[tuple[str, int | None, int | None]] = []
        for entry in self.listed("ml2_type_vlan", "network_vlan_ranges"):
            read = parse_range(entry)
            first, final = read.limits if read and read.limits else (None, None)
            found.append((entry.partition(":")[0], first, final))
        return found

    def physical_networks(self) -> set[str]:
        """Return every physical network that a network can be made on."""
        flat = self.listed("ml2_type_flat", "flat_networks")
        return {name for name, _, _ in self.ranges()} | set(flat)


def servers(site: Site) -> list[Ml2]:
    """Return the settings of each controller: neutron.conf and ml2_conf.ini together."""
    found = []
    for host in site.hosts.values():
        keys = _keys(host)
        if ("ml2", "mechanism_drivers") in keys:
            found.append(Ml2(host.host, keys, shown(placed(host, ML2_CONF))))
    return found


def _keys(host: Evidence) -> Keys:
    found: Keys = {}
    for name in (NEUTRON_CONF, ML2_CONF):
        keys = host.ini(placed(host, name))
        if not isinstance(keys, Missing):
            found |= keys  # Neutron reads the files in this order, and the last value counts.
    return found
