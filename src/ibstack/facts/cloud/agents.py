# SPDX-License-Identifier: Apache-2.0
"""Neutron's agents, as its API shows them: `agents.json` of a collection is that answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric import neutron_names
from ibstack.facts.json_file import kind_of, read_object, refusal, unreadable
from ibstack.facts.site import Agent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MELLANOX: Final = neutron_names.MELLANOX_AGENT
PARTITION: Final = neutron_names.PARTITION_AGENT
DHCP: Final = neutron_names.DHCP_AGENT
OURS: Final = (MELLANOX, PARTITION)

# api-ref of Neutron, "List all agents": what is read of each, and its kind in JSON.
_FIELDS: Final[dict[str, tuple[type, ...]]] = {
    "agent_type": (str,),
    "binary": (str,),
    "host": (str,),
    "alive": (bool,),
    "admin_state_up": (bool,),
    "configurations": (dict, type(None)),
}
_OF_THE_CLIENT: Final = ("Agent Type", "Binary")
_WANTED: Final = "wanted is the API's own answer to GET /v2.0/agents"
_REMEDY: Final = (
    f"{_WANTED}: `ibstack verify cloud --write FOLDER` writes it as FOLDER/agents.json, with OS_*"
    " of an administrator in the environment"
)


def agents_of(rows: Iterable[Any], source: str, remedy: str = _WANTED) -> tuple[Agent, ...]:
    """Read `agents` of that answer; BadInput, with *source*, for rows that are none."""
    found = []
    for number, row in enumerate(rows, 1):
        wrong = _wrong(row)
        if wrong:
            raise unreadable(source, f"agent {number} of `agents` {wrong}", remedy)
        found.append(_agent(row))
    return tuple(found)


def load_agents(text: str, file: str) -> tuple[Agent, ...]:
    """Read the answer of the API; BadInput that says what the file is instead, and what to do."""
    if text.lstrip().startswith("[") and all(f'"{name}"' in text for name in _OF_THE_CLIENT):
        raise unreadable(
            file,
            "it is the list that `openstack network agent list -f json` prints, which has no"
            " configurations",
            _REMEDY,
        )
    found = read_object(text, file, _REMEDY)
    rows = found.get("agents")
    if not isinstance(rows, list):
        has = "no `agents`" if rows is None else f"{kind_of(rows)} as `agents`, and no list"
        raise unreadable(file, refusal(found) or f"it has {has}", _REMEDY)
    links = found.get("agents_links")
    if isinstance(links, list) and any(
        isinstance(e, dict) and e.get("rel") == "next" for e in links
    ):
        raise unreadable(file, "it is one page of several, and not all agents", _REMEDY)
    return agents_of(rows, file, _REMEDY)


def _wrong(row: Any) -> str:
    """Return what keeps an element of that list from being an agent; empty: nothing."""
    if not isinstance(row, dict):
        return f"is {kind_of(row)}, and no object"
    for name, kinds in _FIELDS.items():
        if name not in row:
            return f"has no {name}"
        if not isinstance(row[name], kinds):
            return f"has {kind_of(row[name])} as {name}"
    return ""


def _agent(row: Mapping[str, Any]) -> Agent:
    return Agent(
        kind=row["agent_type"],
        binary=row["binary"],
        host=row["host"],
        alive=row["alive"],
        admitted=row["admin_state_up"],
        configurations=dict(row["configurations"] or {}),
    )


def dump_agents(agents: Iterable[Agent]) -> str:
    """Return what load_agents() reads."""
    rows = [
        {
            "agent_type": agent.kind,
            "binary": agent.binary,
            "host": agent.host,
            "alive": agent.alive,
            "admin_state_up": agent.admitted,
            "configurations": dict(agent.configurations),
        }
        for agent in agents
    ]
    return json.dumps({"agents": rows}, indent=1) + "\n"
