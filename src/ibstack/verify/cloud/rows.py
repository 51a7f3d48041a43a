# SPDX-License-Identifier: Apache-2.0
"""Which rows of Neutron's agents a host is to have, by its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.neutron_names import (
    AGENT_BINARY,
    DHCP_AGENT,
    DHCP_AGENT_BINARY,
    FABRICD_BINARY,
    MELLANOX_AGENT,
    PARTITION_AGENT,
)
from ibstack.facts.evidence import (
    AGENT_CONF,
    DHCP_AGENT_INI,
    ESWITCHD_CONF,
    FABRICD_CONF,
    NEUTRON_CONF,
    Missing,
    last,
    shown,
)
from ibstack.facts.neutron_files import placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.site import Agent


@dataclass(frozen=True, slots=True)
class Row:
    """One agent that a host is to have."""

    kind: str
    binary: str
    host: str
    """Its name in Neutron."""
    unsure: str
    """Why it may have another name there; empty: it has not."""
    mark: str
    """The file that says that the host is to have it."""


# The file that makes a host one that runs the agent, and the one that the agent reads after
# neutron.conf: the packaged units, and Neutron's.
_AGENTS: Final = (
    (ESWITCHD_CONF, MELLANOX_AGENT, AGENT_BINARY, AGENT_CONF),
    (FABRICD_CONF, PARTITION_AGENT, FABRICD_BINARY, FABRICD_CONF),
    (DHCP_AGENT_INI, DHCP_AGENT, DHCP_AGENT_BINARY, DHCP_AGENT_INI),
)


def wanted_rows(host: Evidence) -> Iterator[Row]:
    """Yield each row that Neutron is to have of *host*."""
    for usual, kind, binary, settings in _AGENTS:
        mark = placed(host, usual)
        if host.has(mark):
            name, unsure = _name(host, settings)
            yield Row(kind, binary, name, unsure, mark)


def has_row(wanted: Row, agents: Iterable[Agent]) -> bool:
    """Tell whether Neutron has the row; a host's name may be given with its domain."""
    return any(
        agent.kind == wanted.kind and wanted.host in (agent.host, agent.host.partition(".")[0])
        for agent in agents
    )


def _name(host: Evidence, settings: str) -> tuple[str, str]:
    """Return what the host calls itself in Neutron: `host` of [DEFAULT], or its own name."""
    unsure = ""
    for name in (placed(host, settings), placed(host, NEUTRON_CONF)):
        keys = host.ini(name)
        told = None if isinstance(keys, Missing) else last(keys, "DEFAULT", "host")
        if told:
            return told.strip(), ""
        if isinstance(keys, Missing) and not keys.absent:
            unsure = f"{shown(name)} may give it another name: {keys.why}"
    return host.host, unsure
