# SPDX-License-Identifier: Apache-2.0
"""What checks look at: hosts, a fabric, and the agents that Neutron knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ibstack.verify.check import Seen
from ibstack.verify.evidence import ESWITCHD_CONF, OPENSM_CONF, Evidence, Unread
from ibstack.verify.host.configured_vfs import PLACES, wants_vfs
from ibstack.verify.host.pci_devices import functions
from ibstack.verify.opensm_files import each_opensm, has_subnet_manager

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ibstack.verify.fabric.look import FabricLook

_Subject = TypeVar("_Subject")
_NOTHING: Final = Unread("it was not looked at")


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent, as Neutron's API shows it."""

    kind: str
    """agent_type"""
    binary: str
    host: str
    alive: bool
    admitted: bool
    """admin_state_up"""
    configurations: Mapping[str, Any]


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
    fabric: FabricLook | Unread = _NOTHING
    agents: tuple[Agent, ...] | Unread = _NOTHING
    roles: tuple[RoleAssignment, ...] | Unread = _NOTHING

    def subnet_manager_hosts(self) -> list[Evidence]:
        """Return the hosts that have the files of a subnet manager, once for each OpenSM."""
        hosts = [each for each in self.hosts.values() if has_subnet_manager(each)]
        return [view for host in hosts for view in each_opensm(host)]


def each_host(
    look: Callable[[Evidence], Iterable[Seen]],
) -> Callable[[Site], Iterator[Seen]]:
    """Return a rule's look at each host by itself."""
    return _each(look, lambda host: True)


def each_adapter_host(
    look: Callable[[Evidence], Iterable[Seen]],
) -> Callable[[Site], Iterator[Seen]]:
    """Return a rule's look at each host that has an adapter of ours."""
    return _each(look, _has_adapter)


def each_vf_host(
    look: Callable[[Evidence], Iterable[Seen]],
) -> Callable[[Site], Iterator[Seen]]:
    """Return a rule's look at each host that has VFs or is to make any."""

    def look_where_vfs_are(host: Evidence) -> Iterator[Seen]:
        wanted = wants_vfs(host)
        if wanted is None:
            why = "nothing tells whether it is to have VFs"
            yield Seen(host.host, None, why, f"`lspci`, {PLACES}")
        elif wanted:
            yield from look(host)

    return each_adapter_host(look_where_vfs_are)


def each_subnet_manager_host(
    look: Callable[[Evidence], Iterable[Seen]],
) -> Callable[[Site], Iterator[Seen]]:
    """Return a rule's look at each OpenSM of each host that has the files of one.

    Where there is none, that is one answer: a fabric has a subnet manager somewhere.
    """

    def look_at_those(site: Site) -> Iterator[Seen]:
        hosts = site.subnet_manager_hosts()
        for host in hosts:
            yield from look(host)
        if not hosts:
            why = "the files of no subnet manager's host were collected"
            yield Seen("", None, why, f"/{OPENSM_CONF}")

    return look_at_those


def _each(
    look: Callable[[Evidence], Iterable[Seen]], concerned: Callable[[Evidence], bool | None]
) -> Callable[[Site], Iterator[Seen]]:
    def look_at_those(site: Site) -> Iterator[Seen]:
        if not site.hosts:
            yield Seen("", None, "no host was looked at", "")
        for host in site.hosts.values():
            is_concerned = concerned(host)
            if is_concerned is None:
                why = "nothing tells whether it has an adapter"
                yield Seen(host.host, None, why, f"`lspci`, /{ESWITCHD_CONF}")
            elif is_concerned:
                yield from look(host)

    return look_at_those


def _has_adapter(host: Evidence) -> bool | None:
    """Tell whether ibstack serves an adapter there, or lspci shows one; None: not known."""
    settings = host.text(ESWITCHD_CONF)
    listed = functions(host)
    if isinstance(settings, str) or (not isinstance(listed, Unread) and listed[0]):
        return True
    return False if settings.absent or not isinstance(listed, Unread) else None


def on_fabric(look: Callable[[FabricLook], Iterable[Seen]]) -> Callable[[Site], Iterator[Seen]]:
    """Return a rule's look at the fabric alone."""

    def look_at_it(site: Site) -> Iterator[Seen]:
        if isinstance(site.fabric, Unread):
            yield Seen("", None, site.fabric.why, "the fabric")
        else:
            yield from look(site.fabric)

    return look_at_it


def summarize_ok(
    source: str, count: str
) -> Callable[[Callable[[_Subject], Iterable[Seen]]], Callable[[_Subject], Iterator[Seen]]]:
    """Return what makes one answer of all that holds, beside what does not or is not known.

    *count*: what there are several of, as in `12 ports`.
    """

    def summarized(
        look: Callable[[_Subject], Iterable[Seen]],
    ) -> Callable[[_Subject], Iterator[Seen]]:
        def look_and_count(subject: _Subject) -> Iterator[Seen]:
            holds = 0
            for each in look(subject):
                if each.holds:
                    holds += 1
                else:
                    yield each
            if holds:
                yield Seen("", True, f"{holds} {count}", source)

        return look_and_count

    return summarized


def with_agents(
    look: Callable[[tuple[Agent, ...]], Iterable[Seen]],
) -> Callable[[Site], Iterator[Seen]]:
    """Return a rule's look at all agents."""

    def look_at_them(site: Site) -> Iterator[Seen]:
        if isinstance(site.agents, Unread):
            yield Seen("", None, site.agents.why, "`openstack network agent list`")
        else:
            yield from look(site.agents)

    return look_at_them


def each_agent(look: Callable[[Agent], Iterable[Seen]]) -> Callable[[Site], Iterator[Seen]]:
    """Return a rule's look at each agent by itself."""
    return with_agents(lambda agents: (seen for agent in agents for seen in look(agent)))
