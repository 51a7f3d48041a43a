# SPDX-License-Identifier: Apache-2.0
"""`ibstack verify …`: is this host ready, is this fabric safe, does the cloud agree with itself."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cliff.columns import FormattableColumn

from ibstack.cli.shell import Lister
from ibstack.fabric.errors import BadInput, IbstackError, Refused
from ibstack.fabric.printable import printable
from ibstack.facts.cloud.agents import agents_of
from ibstack.facts.cloud.roles import roles_of
from ibstack.facts.collection import load, save
from ibstack.facts.evidence import Missing
from ibstack.facts.site import Site
from ibstack.facts.this_host import read_host
from ibstack.verify.check import State
from ibstack.verify.registry import Scope, verify
from ibstack.verify.report import entries, exit_status, fold, summary

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Mapping, Sequence

    from ibstack.facts.evidence import Evidence
    from ibstack.facts.fabric.observed import ObservedFabric
    from ibstack.facts.site import Agent, RoleAssignment
    from ibstack.verify.check import Check
    from ibstack.verify.report import Entry

COLUMNS: Final = (
    *("state", "id", "hosts", "things", "fact", "found", "why", "wanted", "source", "remedy"),
)
"""Names are the keys of `-f json`, so they must not change."""
_FABRICD_CONF: Final = "/etc/ibstack/fabricd.conf"


class _Names(FormattableColumn[tuple[str, ...]]):
    """Several names: a list for programs, as clush folds them for people."""

    def human_readable(self) -> str:
        return fold(self._value)

    def machine_readable(self) -> Any:
        return list(self._value)


class _Verify(Lister):
    """Shared by the verbs."""

    scopes: tuple[Scope, ...] = tuple(Scope)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._status = 0

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        place = parser.add_mutually_exclusive_group()
        place.add_argument(
            "--from",
            dest="folder",
            metavar="FOLDER",
            type=Path,
            help="look at what was collected there, and at no machine",
        )
        place.add_argument(
            "--lab", metavar="DIR", type=Path, help="look at the lab that runs in DIR"
        )
        place.add_argument(
            "--hosts",
            metavar="HOSTS",
            help="read the files of these, as node[001-003], by the cluster's way to its hosts",
        )
        parser.add_argument(
            "--config",
            metavar="FILE",
            type=Path,
            help="the settings of this machine's clusters, for --hosts",
        )
        parser.add_argument(
            "--write", metavar="FOLDER", type=Path, help="keep what was read there, for --from"
        )
        parser.add_argument(
            "--long", action="store_true", help="say also what holds; -f json always does"
        )
        return parser

    def take_action(self, parsed: Namespace) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        site = self._site(parsed)
        if parsed.write:
            save(site, parsed.write)
        checks = verify(site, self.scopes)
        self._status = exit_status(checks)
        found = entries(checks)
        if parsed.formatter == "table" and not parsed.columns:
            self._tell(found, checks, long=parsed.long)
            return (), []
        return COLUMNS, [_row(entry) for entry in found]

    def produce_output(
        self, parsed: Namespace, column_names: Sequence[str], data: Iterable[Any]
    ) -> int:
        """Leave to cliff what is not for people to read: they have lines."""
        return int(super().produce_output(parsed, column_names, data)) if column_names else 0

    def run(self, parsed: Namespace) -> int:
        printed = int(super().run(parsed))
        return printed or self._status

    def _tell(self, found: Sequence[Entry], checks: Sequence[Check], *, long: bool) -> None:
        for entry in found:
            if long or entry.check.state is not State.OK:
                self.app.stdout.write(printable(entry.line()) + "\n")
        self.app.stdout.write(summary(checks) + "\n")

    def _site(self, parsed: Namespace) -> Site:
        if parsed.folder:
            return load(parsed.folder)
        if parsed.lab:
            return _lab(parsed.lab)
        site = Site(_hosts(parsed))
        if self.scopes != (Scope.HOST,):  # A cloud's MTU is held against the fabric's.
            site = replace(site, fabric=_live_fabric(parsed.config_file))
        if Scope.CLOUD in self.scopes:
            site = replace(site, agents=_live_agents(), roles=_live_roles())
        return site


def _lab(folder: Path) -> Site:
    """Read the lab that runs in *folder*, by ibstack-lab: a distribution of its own, above us."""
    cloud = import_module("ibstack_lab.cloud").Cloud(folder)
    site: Site = import_module("ibstack_lab.site").read_lab(cloud)
    return site


class VerifyHost(_Verify):
    """Check that this host is ready: IOMMU, VFs, firmware, driver, services, clock.

    Exit code 0: all holds; 3: something does not; 4: something could not be known.
    """

    scopes = (Scope.HOST,)
    example = "ibstack verify host --from collected -f json"


class _OnFabric(_Verify):
    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--config-file",
            metavar="FILE",
            default=_FABRICD_CONF,
            help="says which adapter, port and M_Key to read the fabric with (%(default)s)",
        )
        return parser


class VerifyFabric(_OnFabric):
    """Check that the fabric is safe, on a host with a subnet manager, by reading all of it.

    Exit code 0: all holds; 3: something does not; 4: something could not be known.
    """

    scopes = (Scope.FABRIC,)
    example = "ibstack verify fabric"


class VerifyCloud(_OnFabric):
    """Check that Neutron's agents, its files and the hosts agree, with OS_* of an operator.

    Exit code 0: all holds; 3: something does not; 4: something could not be known.
    """

    scopes = (Scope.CLOUD,)
    example = "ibstack verify cloud --from collected"


class VerifyAll(_OnFabric):
    """Check host, fabric and cloud at once.

    Exit code 0: all holds; 3: something does not; 4: something could not be known.
    """

    example = "ibstack verify --all --lab .lab"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--all", action="store_true", help="host, fabric and cloud")
        return parser

    def take_action(self, parsed: Namespace) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        if not parsed.all:
            raise BadInput("cannot verify nothing: say `verify host`, fabric, cloud, or --all")
        return super().take_action(parsed)


def _hosts(parsed: Namespace) -> Mapping[str, Evidence]:
    """Return what --hosts show, or else this machine."""
    if parsed.hosts is None:
        here = read_host()
        return {here.host: here}
    from ibstack.cluster.rollout.open_hosts import open_hosts
    from ibstack.cluster.rollout.settings import read_settings, settings_path
    from ibstack.cluster.shell.node_list import expand
    from ibstack.facts.remote_hosts import read_hosts

    way = open_hosts(read_settings(settings_path(parsed.config)))
    if way is None:
        raise Refused(
            "cannot look at other hosts: they are not reached from here; set [hosts] reach in the"
            " settings of the cluster, or use --from"
        )
    return read_hosts(way, expand(parsed.hosts))


def _live_fabric(config: str) -> ObservedFabric | Missing:
    from ibstack.facts.fabric.local_port import LocalPort
    from ibstack.facts.fabric.observed import read_fabric
    from ibstack.mad import open_port

    try:
        port = LocalPort.read(Path(config))
        with open_port(port.ca, port.number, m_key=port.m_key) as reader:
            return read_fabric(reader)
    except IbstackError as error:
        return Missing(str(error))


def _live_agents() -> tuple[Agent, ...] | Missing:
    try:
        from ibstack.facts.cloud.openstack_api import OpenstackNetworks
    except ModuleNotFoundError as error:
        return Missing(f"Python module {error.name!r} is not installed; install ibstack[guest]")
    try:
        return agents_of(OpenstackNetworks().list("agents"), "what Neutron says of its agents")
    except IbstackError as error:
        return Missing(str(error))


def _live_roles() -> tuple[RoleAssignment, ...] | Missing:
    try:
        from ibstack.facts.cloud.openstack_api import role_assignments
    except ModuleNotFoundError as error:
        return Missing(f"Python module {error.name!r} is not installed; install ibstack[guest]")
    try:
        return roles_of(role_assignments(), "what Keystone says of roles")
    except IbstackError as error:
        return Missing(str(error))


def _row(entry: Entry) -> tuple[Any, ...]:
    check = entry.check
    return (
        *(check.state.value, check.id),
        *(_Names(tuple(host for host in entry.hosts if host)), _Names(entry.things)),
        *(check.fact, check.found, check.why, check.wanted, check.source, check.remedy or None),
    )
