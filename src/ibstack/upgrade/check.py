# SPDX-License-Identifier: Apache-2.0
"""All that can be read of a site, judged; what cannot be read is said and never called right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.fabric.errors import DIFFERS, NOT_KNOWN, TryLater
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS
from ibstack.facts.collected_files import content_of
from ibstack.formats.ini import IniText
from ibstack.upgrade import database, other_ports, partitions, ports
from ibstack.upgrade.finding import Verdict
from ibstack.upgrade.host_files import ESWITCHD_CONF, MLNX_CONF, no_group
from ibstack.upgrade.server_files import ML2_CONF, no_driver, owned_keys

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ibstack.fabric.partition import KeyRange
    from ibstack.upgrade.finding import Finding
    from ibstack.upgrade.known_cloud import KnownCloud


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to look; None: not looked at."""

    agent: Path | None = None
    """mlnx_conf.ini."""
    eswitchd: Path | None = None
    ml2: Path | None = None
    neutron: Path | None = None
    """neutron.conf, for the connection to the database."""
    partitions: Path | None = None
    database: str | None = None
    """A URL of SQLAlchemy's, in place of neutron.conf's."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found."""

    findings: tuple[Finding, ...]
    not_known: tuple[str, ...] = ()
    """What could not be read, and why."""

    @property
    def exit_code(self) -> int:
        """3: something must be decided; 4: nothing of what was read, and not all was; else 0."""
        if any(finding.verdict is Verdict.DECIDE for finding in self.findings):
            return DIFFERS
        return NOT_KNOWN if self.not_known else 0


def check(sources: Sources) -> Answer:
    """Judge everything that *sources* name; BadInput for a file that cannot be read."""
    findings: list[Finding] = []
    owned = DEFAULT_OWNED_KEYS
    for path, rules in ((sources.agent, MLNX_CONF), (sources.eswitchd, ESWITCHD_CONF)):
        if path is not None:
            findings += rules.judge(content_of(path), str(path))
    if sources.eswitchd is not None:
        findings += no_group(content_of(sources.eswitchd), str(sources.eswitchd))
    if sources.ml2 is not None:
        content, name = content_of(sources.ml2), str(sources.ml2)
        owned = owned_keys(content, name)
        findings += [*no_driver(content, name), *ML2_CONF.judge(content, name)]
    cloud, not_known = _cloud(sources)
    not_known += _empty(sources)
    if sources.agent is not None and sources.eswitchd is None:
        not_known.append("eswitchd.conf of that host: give --eswitchd")
    if cloud is not None:
        findings += ports.judge(cloud, owned, "database")
        findings += other_ports.judge(cloud, "database")
    if sources.partitions is not None:
        findings += _partitions(sources.partitions, owned, cloud)
    return Answer(tuple(findings), tuple(not_known))


def _empty(sources: Sources) -> list[str]:
    """Say so of a file that has nothing to judge: it may be another one, or half of one."""
    files = (sources.agent, sources.eswitchd, sources.ml2)
    return [
        f"{path} sets no option: is it the file that its program reads?"
        for path in files
        if path is not None and not IniText(content_of(path), str(path)).keys()
    ]


def _cloud(sources: Sources) -> tuple[KnownCloud | None, list[str]]:
    url = sources.database
    if url is None and sources.neutron is not None:
        found = IniText(content_of(sources.neutron), str(sources.neutron)).keys()
        values = found.get(("database", "connection"), ())
        if not values:
            return None, [f"{sources.neutron} has no [database] connection; give --database"]
        url = values[-1]
    if url is None:
        return None, ["the bound ports: give --neutron or --database"]
    try:
        return database.read(url), []
    except TryLater as error:
        return None, [str(error)]


def _partitions(path: Path, owned: KeyRange, cloud: KnownCloud | None) -> Iterable[Finding]:
    in_use = None if cloud is None else _keys(cloud)
    return partitions.judge(content_of(path), str(path), owned, in_use)


def _keys(cloud: KnownCloud) -> partitions.KeysInUse:
    others = other_ports.on_infiniband(cloud)
    served = {port.key for port in cloud.ports} | {o.key for o in others if o.are_of_hosts}
    return partitions.KeysInUse(
        served=frozenset(key for key in served if key is not None),
        not_served=frozenset(other.key for other in others if other.key is not None),
    )
