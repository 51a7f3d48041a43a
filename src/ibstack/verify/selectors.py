# SPDX-License-Identifier: Apache-2.0
"""What a check is about: each host, each adapter's host, the fabric, the agents, one text.

A selector makes of a function of one such thing a function of a site.  Where the thing is not
known, that is an observation too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ibstack.facts.evidence import ESWITCHD_CONF, OPENSM_CONF, Evidence, Missing, shown
from ibstack.facts.host.configured_vfs import PLACES, wants_vfs
from ibstack.facts.host.pci_devices import functions
from ibstack.verify.check import Observation

if TYPE_CHECKING:
    from ibstack.facts.fabric.observed import ObservedFabric
    from ibstack.facts.site import Agent, Site

_Subject = TypeVar("_Subject")
_Of: TypeAlias = Callable[[_Subject], Iterator[Observation]]
_OfHostAndText: TypeAlias = Callable[[Evidence, str], Iterator[Observation]]


def unknown(host: Evidence, name: str, missing: Missing) -> Observation:
    """Return that nothing is known, for want of the text *name*."""
    return Observation(host.host, None, missing.why, shown(name))


def on_text(name: str) -> Callable[[_OfHostAndText], _Of[Evidence]]:
    """Observe the text *name* of a host: a file's, or what a command printed."""

    def selected(observe: _OfHostAndText) -> _Of[Evidence]:
        def observe_text(host: Evidence) -> Iterator[Observation]:
            text = host.text(name)
            if isinstance(text, Missing):
                yield unknown(host, name, text)
            else:
                yield from observe(host, text)

        return observe_text

    return selected


def each_host(observe: _Of[Evidence]) -> _Of[Site]:
    """Observe each host by itself."""
    return _each(observe, lambda host: True)


def each_adapter_host(observe: _Of[Evidence]) -> _Of[Site]:
    """Observe each host that has an adapter of ours."""
    return _each(observe, _has_adapter)


def each_vf_host(observe: _Of[Evidence]) -> _Of[Site]:
    """Observe each host that has VFs or is to make any."""

    def observe_vf_host(host: Evidence) -> Iterator[Observation]:
        wanted = wants_vfs(host)
        if wanted is None:
            why = "nothing tells whether it is to have VFs"
            yield Observation(host.host, None, why, f"`lspci`, {PLACES}")
        elif wanted:
            yield from observe(host)

    return each_adapter_host(observe_vf_host)


def each_subnet_manager_host(observe: _Of[Evidence]) -> _Of[Site]:
    """Observe each OpenSM of each host that has the files of one.

    Where there is none, that is one observation: a fabric has a subnet manager somewhere.
    """

    def observe_each(site: Site) -> Iterator[Observation]:
        hosts = site.subnet_manager_hosts()
        for host in hosts:
            yield from observe(host)
        if not hosts:
            why = "the files of no subnet manager's host were collected"
            yield Observation("", None, why, f"/{OPENSM_CONF}")

    return observe_each


def on_fabric(observe: _Of[ObservedFabric]) -> _Of[Site]:
    """Observe the fabric alone."""

    def observe_fabric(site: Site) -> Iterator[Observation]:
        if isinstance(site.fabric, Missing):
            yield Observation("", None, site.fabric.why, "the fabric")
        else:
            yield from observe(site.fabric)

    return observe_fabric


def with_agents(observe: _Of[tuple[Agent, ...]]) -> _Of[Site]:
    """Observe all agents together."""

    def observe_all(site: Site) -> Iterator[Observation]:
        if isinstance(site.agents, Missing):
            yield Observation("", None, site.agents.why, "`openstack network agent list`")
        else:
            yield from observe(site.agents)

    return observe_all


def each_agent(observe: _Of[Agent]) -> _Of[Site]:
    """Observe each agent by itself."""
    return with_agents(lambda agents: (seen for agent in agents for seen in observe(agent)))


def summarize_ok(source: str, count: str) -> Callable[[_Of[_Subject]], _Of[_Subject]]:
    """Make one observation of all that holds, beside what does not or is not known.

    *count*: what there are several of, as in `12 ports`.
    """

    def summarized(observe: _Of[_Subject]) -> _Of[_Subject]:
        def observe_and_count(subject: _Subject) -> Iterator[Observation]:
            holds = 0
            for each in observe(subject):
                if each.holds:
                    holds += 1
                else:
                    yield each
            if holds:
                yield Observation("", True, f"{holds} {count}", source)

        return observe_and_count

    return summarized


def _each(observe: _Of[Evidence], concerned: Callable[[Evidence], bool | None]) -> _Of[Site]:
    def observe_each(site: Site) -> Iterator[Observation]:
        if not site.hosts:
            yield Observation("", None, "no host was looked at", "")
        for host in site.hosts.values():
            is_concerned = concerned(host)
            if is_concerned is None:
                why = "nothing tells whether it has an adapter"
                yield Observation(host.host, None, why, f"`lspci`, /{ESWITCHD_CONF}")
            elif is_concerned:
                yield from observe(host)

    return observe_each


def _has_adapter(host: Evidence) -> bool | None:
    """Tell whether ibstack serves an adapter there, or lspci shows one; None: not known."""
    settings = host.text(ESWITCHD_CONF)
    listed = functions(host)
    if isinstance(settings, str) or (not isinstance(listed, Missing) and listed[0]):
        return True
    return False if settings.absent or not isinstance(listed, Missing) else None
