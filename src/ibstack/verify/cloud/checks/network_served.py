# SPDX-License-Identifier: Apache-2.0
"""Each InfiniBand physical network has hosts with adapters, and a subnet manager with fabricd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.cloud.agents import MELLANOX, PARTITION
from ibstack.verify.cloud.networks import servers
from ibstack.verify.cloud.served import infiniband, mapped_by
from ibstack.verify.site import with_agents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.verify.site import Agent, Site

_SOURCE: Final = "`openstack network agent list`, configurations"


def _look(site: Site) -> Iterator[Seen]:
    def judge(agents: tuple[Agent, ...]) -> Iterator[Seen]:
        names = {name for server in servers(site) for name in infiniband(server, agents)}
        names |= {name for agent in agents for name in mapped_by(agent)}
        for name in sorted(names):
            yield _judged(name, agents)
        if not names:
            yield Seen("", None, "nothing names an InfiniBand physical network", _SOURCE)

    return with_agents(judge)(site)


def _judged(name: str, agents: Iterable[Agent]) -> Seen:
    serving = [agent for agent in agents if name in mapped_by(agent)]
    hosts = sum(agent.kind == MELLANOX and agent.alive for agent in serving)
    managers = [agent for agent in serving if agent.kind == PARTITION]
    alive = [agent for agent in managers if agent.alive]
    masters = sum(agent.configurations.get("role") == "master" for agent in alive)
    # A site with static partitions has no fabricd at all, and none that is dead either.
    found = (
        f"{hosts} hosts with adapters, {len(alive)} of {len(managers)} fabricds alive,"
        f" {masters} master"
    )
    holds = hosts > 0 and (masters == 1 or not managers)
    return Seen("", holds, found, _SOURCE, f"physical network {name}")


RULE: Final = Rule(
    "network-served",
    "the InfiniBand physical network is served",
    "hosts with adapters, and one fabricd that is master",
    "map it on hosts in [eswitch] physical_interface_mappings; start ibstack-fabricd on its SM"
    " hosts, and see that OpenSM runs there; `openstack network agent delete` forgets those of a"
    " host that is gone",
    _look,
)
