# SPDX-License-Identifier: Apache-2.0
"""What is known of a site: hosts, a fabric, agents and roles as the cloud has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ibstack.facts.evidence import Evidence, Missing
from ibstack.facts.opensm_files import each_opensm, has_subnet_manager
from ibstack.formats.codec import none_as_empty, record, wire

if TYPE_CHECKING:
    from ibstack.facts.fabric.observed import ObservedFabric

_NOTHING: Final = Missing("it was not looked at")


@record
@dataclass(frozen=True, slots=True)
class Agent:
    """One agent, as Neutron's API shows it ("List all agents" of its reference)."""

    kind: str = field(metadata=wire("agent_type"))
    binary: str
    host: str
    alive: bool
    admitted: bool = field(metadata=wire("admin_state_up"))
    configurations: Mapping[str, Any] = field(metadata=wire(read=none_as_empty(Mapping[str, Any])))


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """One role that a user has in a project, by their names."""

    user: str
    role: str
    project: str
    """With its domain where that is known: `service@Default`."""


@dataclass(frozen=True, slots=True)
class Site:
    """One cloud with one fabric, or a part of it."""

    hosts: Mapping[str, Evidence] = field(default_factory=dict)
    fabric: ObservedFabric | Missing = _NOTHING
    agents: tuple[Agent, ...] | Missing = _NOTHING
    roles: tuple[RoleAssignment, ...] | Missing = _NOTHING

    def subnet_manager_hosts(self) -> list[Evidence]:
        """Return the hosts that have the files of a subnet manager, once for each OpenSM."""
        hosts = [each for each in self.hosts.values() if has_subnet_manager(each)]
        return [view for host in hosts for view in each_opensm(host)]
