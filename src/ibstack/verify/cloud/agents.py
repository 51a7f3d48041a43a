# SPDX-License-Identifier: Apache-2.0
"""Neutron's agents, as its API shows them: `agents.json` of a collection is that answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.errors import BadInput
from ibstack.verify.site import Agent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MELLANOX: Final = "Mellanox plugin agent"
PARTITION: Final = "InfiniBand partition agent"
DHCP: Final = "DHCP agent"
OURS: Final = (MELLANOX, PARTITION)


def agent_of(row: Mapping[str, Any]) -> Agent:
    """Read one element of `agents` of GET /v2.0/agents (api-ref of Neutron, "List all agents")."""
    return Agent(
        kind=str(row["agent_type"]),
        binary=str(row["binary"]),
        host=str(row["host"]),
        alive=row["alive"] is True,
        admitted=row["admin_state_up"] is True,
        configurations=dict(row["configurations"] or {}),
    )


def agents_of(rows: Iterable[Any], source: str) -> tuple[Agent, ...]:
    """Read `agents` of that answer; BadInput, with *source*, for rows that are none."""
    try:
        return tuple(map(agent_of, rows))
    except (KeyError, TypeError, ValueError) as error:
        raise _not_agents(source, error) from error


def load_agents(text: str, file: str) -> tuple[Agent, ...]:
    """Read the answer of the API; BadInput for anything else."""
    try:
        rows = json.loads(text)["agents"]
    except (ValueError, KeyError, TypeError) as error:
        raise _not_agents(file, error) from error
    return agents_of(rows, file)


def _not_agents(source: str, error: Exception) -> BadInput:
    return BadInput(f"cannot read {source}: it is not the answer to GET /v2.0/agents ({error!r})")


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
