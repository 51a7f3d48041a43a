# SPDX-License-Identifier: Apache-2.0
"""What `systemctl show -p Id -p LoadState -p ActiveState -p UnitFileState NAMES` says.

Source: systemctl(1): one block of KEY=VALUE for each unit, with an empty line between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import DHCP_AGENT_INI, ESWITCHD_CONF, FABRICD_CONF

if TYPE_CHECKING:
    from ibstack.facts.evidence import Evidence

_STARTED: Final = {"enabled", "enabled-runtime", "static", "alias", "generated", "indirect"}
# What a host runs, by the file that makes it one that does; the first name that it has counts.
_WANTED: Final = {
    ESWITCHD_CONF: (("ibstack-eswitchd",), ("ibstack-agent",)),
    FABRICD_CONF: (("ibstack-fabricd",), ("opensm", "opensmd")),
    DHCP_AGENT_INI: (("neutron-dhcp-agent",),),
}
NAMES: Final = tuple(name for all_of in _WANTED.values() for names in all_of for name in names)


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of systemd."""

    name: str
    """Without `.service`; of an instance as in opensm@0x…, the part before the @."""
    loaded: bool
    active: str
    file_state: str

    @property
    def starts_by_itself(self) -> bool:
        return self.file_state in _STARTED


def units(text: str) -> list[Unit]:
    """Return every unit of the output."""
    found = []
    for block in text.split("\n\n"):
        keys = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
        if "Id" in keys:
            name = keys["Id"].removesuffix(".service").partition("@")[0]
            state = keys.get("ActiveState", "")
            loaded = keys.get("LoadState") == "loaded"
            found.append(Unit(name, loaded, state, keys.get("UnitFileState", "")))
    return found


def wanted(host: Evidence) -> list[tuple[str, ...]]:
    """Return what the host is to run: of each entry, one unit."""
    return [names for file, all_of in _WANTED.items() if host.has(file) for names in all_of]
