# SPDX-License-Identifier: Apache-2.0
"""Is this host ready, is this fabric safe, does the cloud agree with itself: a site verified."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ibstack.fabric.errors import IbstackError, Refused
from ibstack.facts.cloud.agents import agents_of
from ibstack.facts.cloud.roles import roles_of
from ibstack.facts.collection import load, save
from ibstack.facts.evidence import Missing
from ibstack.facts.site import Site
from ibstack.facts.this_host import read_host
from ibstack.verify.check import State
from ibstack.verify.registry import Scope as Scope
from ibstack.verify.registry import verify
from ibstack.verify.report import entries, exit_status, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.fabric.observed import ObservedFabric
    from ibstack.facts.site import Agent, RoleAssignment
    from ibstack.verify.check import Check
    from ibstack.verify.report import Entry

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look; by itself this machine, its fabric, and the cloud that OS_* names."""

    fabricd_conf: str
    """Says which adapter, port and M_Key to read the fabric with."""
    folder: Path | None = None
    """What was collected there, and no machine."""
    lab: Path | None = None
    """The lab that runs there, and no machine."""
    hosts: str | None = None
    """The files of these, as node[001-003], by the cluster's way, in place of this machine's."""
    settings: Path | None = None
    """Of this machine's clusters, for *hosts*; None: the usual file."""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """What several hosts, or several things, have in common; field by field as `-f json` has it."""

    state: State
    id: str
    hosts: tuple[str, ...]
    """Empty: it is about the site as a whole."""
    things: tuple[str, ...]
    fact: str
    found: str | None
    """None: not known."""
    why: str | None
    wanted: str
    source: str
    remedy: str | None

    @classmethod
    def of(cls, entry: Entry) -> FindingRow:
        check, hosts = entry.check, tuple(host for host in entry.hosts if host)
        return cls(
            *(check.state, check.id, hosts, entry.things, check.fact, check.found, check.why),
            *(check.wanted, check.source, check.remedy or None),
        )


class Verification:
    """What checks have found, failures first."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._entries = entries(checks)
        self.rows = [FindingRow.of(each) for each in self._entries]
        self.summary = summary(checks)
        self.exit_code = exit_status(checks)
        """0: all holds; 3: something does not; 4: something could not be known."""

    def sentences(self, *, with_ok: bool) -> list[str]:
        """Return a sentence for each finding; *with_ok*: also for what holds."""
        return [
            each.line() for each in self._entries if with_ok or each.check.state is not State.OK
        ]


def verified(place: Place, scopes: Sequence[Scope], keep_in: Path | None = None) -> Verification:
    """Read what *scopes* need and judge it.

    *keep_in*: the folder to keep what was read in, as `folder` of another Place; None: nowhere.
    BadInput for a folder with no collection, Refused where *hosts* are not reached from here.
    """
    site = _site(place, scopes)
    if keep_in:
        save(site, keep_in)
    return Verification(verify(site, scopes))


def _site(place: Place, scopes: Sequence[Scope]) -> Site:
    if place.folder:
        return load(place.folder)
    if place.lab:
        return _lab(place.lab)
    site = Site(_hosts(place))
    if any(scope is not Scope.HOST for scope in scopes):
        # A cloud's MTU is held against the fabric's.
        site = replace(site, fabric=_fabric(Path(place.fabricd_conf)))
    if Scope.CLOUD in scopes:
        site = replace(site, agents=_of_the_cloud(_agents), roles=_of_the_cloud(_roles))
    return site


def _lab(folder: Path) -> Site:
    """Read the lab that runs in *folder*, by ibstack-lab: a distribution of its own, above us."""
    cloud = import_module("ibstack_lab.cloud").Cloud(folder)
    site: Site = import_module("ibstack_lab.site").read_lab(cloud)
    return site


def _hosts(place: Place) -> Mapping[str, Evidence]:
    if place.hosts is None:
        here = read_host()
        return {here.host: here}
    from ibstack.cluster.rollout.open_hosts import open_hosts
    from ibstack.cluster.rollout.settings import read_settings, settings_path
    from ibstack.cluster.shell.node_list import expand
    from ibstack.facts.remote_hosts import read_hosts

    transport = open_hosts(read_settings(settings_path(place.settings)))
    if transport is None:
        raise Refused(
            "cannot look at other hosts: they are not reached from here; set [hosts] reach in the"
            " settings of the cluster, or use --from"
        )
    return read_hosts(transport, expand(place.hosts))


def _fabric(conf: Path) -> ObservedFabric | Missing:
    from ibstack.facts.fabric.local_port import LocalPort
    from ibstack.facts.fabric.observed import read_fabric
    from ibstack.mad import open_port

    try:
        port = LocalPort.read(conf)
        with open_port(port.ca, port.number, m_key=port.m_key) as reader:
            return read_fabric(reader)
    except IbstackError as error:
        return Missing(str(error))


def _of_the_cloud(read: Callable[[], _Found]) -> _Found | Missing:
    try:
        return read()
    except ModuleNotFoundError as error:
        return Missing(f"Python module {error.name!r} is not installed; install ibstack[guest]")
    except IbstackError as error:
        return Missing(str(error))


def _agents() -> tuple[Agent, ...]:
    from ibstack.facts.cloud.openstack_api import OpenstackNetworks

    return agents_of(OpenstackNetworks().list("agents"), "what Neutron says of its agents")


def _roles() -> tuple[RoleAssignment, ...]:
    from ibstack.facts.cloud.openstack_api import role_assignments

    return roles_of(role_assignments(), "what Keystone says of roles")
