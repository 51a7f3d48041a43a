# SPDX-License-Identifier: Apache-2.0
"""No daemon reports a problem: what they cannot do is in their heartbeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.cloud.agents import OURS
from ibstack.verify.site import each_agent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.site import Agent

_SOURCE: Final = "`openstack network agent show`, configurations"


def _look(agent: Agent) -> Iterator[Seen]:
    if agent.kind not in OURS:
        return
    thing = f"agent {agent.binary}"
    problems = agent.configurations.get("problems")
    if not agent.alive or not isinstance(problems, list):
        why = "it is not alive" if not agent.alive else "its heartbeat has no list of problems"
        yield Seen(agent.host, None, why, _SOURCE, thing)
        return
    for problem in problems:
        yield Seen(agent.host, False, str(problem), _SOURCE, thing)
    if not problems:
        yield Seen(agent.host, True, "no problem", _SOURCE, thing)


RULE: Final = Rule(
    "agents-content",
    "the agent reports no problem",
    "no problem",
    "what the problem says; its log has more",
    each_agent(_look),
)
