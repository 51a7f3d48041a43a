# SPDX-License-Identifier: Apache-2.0
"""What runs on a host: daemons, their versions, the clock."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from ibstack.facts.evidence import (
    ESWITCHD_CONF,
    HOST_SHOW,
    PIP_FREEZE,
    SYSTEMCTL,
    TIMEDATECTL,
    Missing,
    shown,
)
from ibstack.facts.host.interfaces import mappings
from ibstack.facts.host.services import units, wanted
from ibstack.verify.check import Observation, rule
from ibstack.verify.host.checks.adapters import not_mapped
from ibstack.verify.selectors import each_adapter_host, each_host, on_text, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.site import Site


# Source: timedatectl(1); neutron/db/agents_db.py judges heartbeats by its own clock.
@rule(
    "clock",
    "the clock is synchronised",
    "NTPSynchronized=yes",
    "run chrony or systemd-timesyncd: `timedatectl set-ntp true`, and see that its servers answer",
)
@each_host
@on_text(TIMEDATECTL)
def clock(host: Evidence, text: str) -> Iterator[Observation]:
    """The clock is kept: Neutron takes an agent for dead whose clock is behind."""
    keys = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    said = keys.get("NTPSynchronized")
    if said is None:
        yield Observation(host.host, None, "it has no NTPSynchronized", shown(TIMEDATECTL))
    else:
        found = f"NTPSynchronized={said}"
        yield Observation(host.host, said == "yes", found, shown(TIMEDATECTL))


@rule(
    "eswitchd-alive",
    "ibstack-eswitchd answers, and serves the adapter",
    "an answer that shows the adapter",
    "start ibstack-eswitchd and look at its log: `journalctl -u ibstack-eswitchd`",
)
@each_adapter_host
def eswitchd_alive(host: Evidence) -> Iterator[Observation]:
    """ibstack-eswitchd answers, serves every mapping, and has nothing to complain of."""
    return _served(host) if host.has(ESWITCHD_CONF) else iter(())


@on_text(HOST_SHOW)
def _served(host: Evidence, text: str) -> Iterator[Observation]:
    try:
        served = {(row["physical_network"], row["interface"]) for row in json.loads(text)}
    except (ValueError, TypeError, KeyError):
        # The command says on stderr why it has no list: that stands there instead.
        said = (text.strip().splitlines() or ["it said nothing"])[-1].removeprefix("ibstack: ")
        yield Observation(host.host, False, said, shown(HOST_SHOW))
        return
    yield from not_mapped(host)
    for each in mappings(host):
        there = (each.physical_network, each.interface) in served
        found = "served" if there else "not among the adapters that it shows"
        thing = f"interface {each.interface} of {each.physical_network}"
        yield Observation(host.host, there, found, shown(HOST_SHOW), thing)


@rule(
    "services-enabled",
    "the service runs, and starts with the host",
    "active, enabled",
    "install the package that has it; see docs/how-to/install.md",
    rank=3,
)
@each_host
def services_enabled(host: Evidence) -> Iterator[Observation]:
    """What a host is to run runs, and comes back after a restart."""
    needed = wanted(host)
    text = host.text(SYSTEMCTL)
    if isinstance(text, Missing):
        if needed:
            yield unknown(host, SYSTEMCTL, text)
        return
    known = {unit.name: unit for unit in units(text) if unit.loaded}
    for names in needed:
        unit = next((known[name] for name in names if name in known), None)
        thing = f"service {unit.name if unit else names[0]}"
        if unit is None:
            yield Observation(host.host, False, "there is no such unit", shown(SYSTEMCTL), thing)
        else:
            found = f"{unit.active}, {unit.file_state or 'no unit file'}"
            holds = unit.active == "active" and unit.starts_by_itself
            name = unit.name
            remedy = f"`systemctl enable --now {name}`; if it ends, `journalctl -u {name}`"
            yield Observation(host.host, holds, found, shown(SYSTEMCTL), thing, "", remedy)


_IBSTACK: Final = re.compile(r"^ibstack(?:==| @ \S*?ibstack-)([0-9][\w.+!]*?)(?:-py3\S*)?$", re.M)


@rule(
    "versions",
    "all hosts have the same ibstack",
    "the newest that any host has",
    "upgrade ibstack on the host, and restart its daemons",
)
def versions(site: Site) -> Iterator[Observation]:
    """All hosts have the same ibstack: its parts speak to each other."""
    known = {host.host: _version(host) for host in site.hosts.values()}
    installed = [version for version in known.values() if version is not None]
    newest = max(installed, key=_numbers, default="")

    def judge(host: Evidence) -> Iterator[Observation]:
        text, version = host.text(PIP_FREEZE), known[host.host]
        if isinstance(text, Missing):
            yield unknown(host, PIP_FREEZE, text)
        elif version is not None:
            wanted = f"ibstack {newest}, the newest that any host has"
            yield Observation(
                *(host.host, version == newest, f"ibstack {version}"),
                *(shown(PIP_FREEZE), "", wanted),
            )

    return each_host(judge)(site)


def _version(host: Evidence) -> str | None:
    text = host.text(PIP_FREEZE)
    found = _IBSTACK.search(text) if isinstance(text, str) else None
    return found[1] if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
