# SPDX-License-Identifier: Apache-2.0
"""fabricd believes no answer that somebody else may have given in Neutron's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.cloud.agents import PARTITION
from ibstack.verify.site import each_agent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.site import Agent

_SOURCE: Final = "`openstack network agent show`, configurations"


def _look(agent: Agent) -> Iterator[Seen]:
    if agent.kind != PARTITION:
        return
    thing = f"agent {agent.binary}"
    signed = agent.configurations.get("signed")
    if not isinstance(signed, bool):
        why = "its heartbeat does not say, as before answers were signed"
        yield Seen(agent.host, None, why, _SOURCE, thing)
        return
    found = "signed" if signed else "unsigned ones are believed"
    yield Seen(agent.host, signed, found, _SOURCE, thing)


RULE: Final = Rule(
    "answers-signed",
    "what Neutron answers about the fabric is signed",
    "an answer_key_file",
    "without it who has a compute host's account at the broker can answer in Neutron's place: give"
    " controllers and subnet manager hosts a key, docs/how-to/install.md says in which order",
    each_agent(_look),
    rank=8,
)
