# SPDX-License-Identifier: Apache-2.0
"""Which physical networks agents serve, by their heartbeats (docs/reference/protocols.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.fabric.neutron_names import MELLANOX_AGENT, PARTITION_AGENT
from ibstack.neutron.protocol import agent_report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.facts.site import Agent
    from ibstack.verify.cloud.networks import Ml2


def mapped_by(agent: Agent) -> frozenset[str]:
    """Return the physical networks that one agent of ours reports."""
    if agent.kind == MELLANOX_AGENT:
        return frozenset(
            one.physical_network for one in agent_report.adapters(agent.configurations)
        )
    if agent.kind == PARTITION_AGENT:
        return frozenset(map(str, agent.configurations.get("physical_networks") or ()))
    return frozenset()


def infiniband(server: Ml2, agents: Iterable[Agent]) -> set[str]:
    """Return the server's physical networks that are InfiniBand, by its file or by an agent."""
    said = set(server.listed("infiniband", "physical_networks"))
    mapped = {name for agent in agents for name in mapped_by(agent)}
    return said | (mapped & server.physical_networks())
