# SPDX-License-Identifier: Apache-2.0
"""What agents map is known to Neutron's server, by the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.cloud.agents import OURS
from ibstack.verify.cloud.networks import PLACE, servers
from ibstack.verify.cloud.served import mapped_by
from ibstack.verify.site import each_agent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.verify.site import Agent, Site


def _look(site: Site) -> Iterator[Seen]:
    known = servers(site)

    def judge(agent: Agent) -> Iterator[Seen]:
        for name in sorted(mapped_by(agent)) if agent.kind in OURS else ():
            thing = f"agent {agent.binary}"
            if not known:
                yield Seen(agent.host, None, "no server's file was collected", PLACE, thing)
            for server in known:
                names = sorted(server.physical_networks())
                wanted = f"one of {server.host}'s: {', '.join(names) or 'none'}"
                found = f"maps {name}"
                yield Seen(agent.host, name in names, found, server.place, thing, wanted)

    return each_agent(judge)(site)


RULE: Final = Rule(
    "mapping-known",
    "the physical network that the agent maps is one of the server's",
    "a name in network_vlan_ranges or flat_networks",
    "spell it alike in [eswitch] physical_interface_mappings of the host and in [ml2_type_vlan]"
    " network_vlan_ranges of the server",
    _look,
    rank=4,
)
