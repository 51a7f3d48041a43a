# SPDX-License-Identifier: Apache-2.0
"""`ibstack partition …`: who is a member of what, by Neutron, by the file, and by the fabric."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cliff.lister import Lister
from oslo_config import cfg

from ibstack.cli.shell import ExampleInHelp
from ibstack.fabric.errors import BadInput, IbstackError, TryLater
from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.neutron.client import PluginClient, open_transport
from ibstack.subnet_manager import options
from ibstack.subnet_manager.daemon import NeutronCloud, fabric_view, publication
from ibstack.subnet_manager.drift import Drift, Expected, ObservedPort, audit
from ibstack.subnet_manager.plan import Wanted, gather, plan
from ibstack.subnet_manager.publication import Found, NotOurFile, Whose
from ibstack.subnet_manager.settings import NotTheirs, Site

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Mapping, Sequence

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import Membership, Partitions
    from ibstack.subnet_manager.options import FabricdSettings
    from ibstack.subnet_manager.reconcile import Desired

_CONFIG: Final = "/etc/ibstack/fabricd.conf"
_SECOND_LOOK_S: Final = 0.5
_DIFFERS: Final = 3
_NOT_KNOWN: Final = 4

Table = tuple[tuple[str, ...], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class _Fabric:
    """What the fabric shows now."""

    ports: Mapping[Guid, ObservedPort]
    managers: frozenset[Guid]


class _Sources:
    """The three accounts of one fabric, read with fabricd's own settings."""

    def __init__(self, config_files: Sequence[str]) -> None:
        conf = cfg.CONF  # The global one: see ibstack.subnet_manager.daemon.main().
        options.register(conf)
        try:
            conf([f"--config-file={path}" for path in config_files], project="ibstack")
            self.settings: FabricdSettings = options.read_settings(conf)
        except cfg.Error as error:
            raise BadInput(
                f"cannot read the settings of ibstack-fabricd: {error}; name its file with"
                " --config-file"
            ) from error
        self._conf = conf

    def desired(self) -> Desired:
        """Ask Neutron; TryLater where it cannot be asked."""
        settings = self.settings
        client = PluginClient(open_transport(self._conf), timeout_s=settings.rpc_timeout_s)
        cloud = NeutronCloud(client, settings.physical_network, settings.poll_interval_s)
        found = _within(settings.rpc_timeout_s, cloud.desired, "ask Neutron for the members")
        if found is None:
            raise TryLater("cannot ask Neutron for the members: there was no answer")
        return found

    def wanted(self) -> tuple[Desired, Wanted]:
        desired = self.desired()
        wanted = gather(desired.members, self.settings.fabric.owned_keys)
        for port, why in wanted.unfit.items():
            _say(f"port {port} is not served: {why}")
        return desired, wanted

    def published(self) -> Found:
        return publication(self.settings).look()

    def observed(self) -> _Fabric:
        """Read every port's table; CannotReadFabric where there is no way to the fabric."""
        with fabric_view(self.settings).open() as view:
            return _Fabric(view.survey(), view.managers())

    def tenants(self, partitions: Partitions) -> Partitions:
        """Return those of *partitions* that are neither the site's nor reserved."""
        mine = NotTheirs(Site.read(self.settings.fabric).keys)
        return {key: part for key, part in partitions.items() if key in mine}


class _PartitionCommand(ExampleInHelp, Lister):
    """A command that lists something of the fabric; its exit code says more than success."""

    status = 0

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser: ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--config-file",
            metavar="FILE",
            action="append",
            help=f"the settings of ibstack-fabricd, may be repeated ({_CONFIG})",
        )
        return parser

    def take_action(self, parsed: Namespace) -> Table:
        return self.answer(_Sources(parsed.config_file or [_CONFIG]), parsed)

    def answer(self, sources: _Sources, parsed: Namespace) -> Table:
        raise NotImplementedError

    def run(self, parsed: Namespace) -> int:
        printed = int(super().run(parsed))
        return printed or self.status


class PartitionList(_PartitionCommand):
    """List the partitions: how many members Neutron wants, and whether the fabric shows them all.

    Where Neutron cannot be asked, the members are those of the published file, and that is said.
    in_force is null where the fabric cannot be read.
    """

    example = "ibstack partition list -f json"

    def answer(self, sources: _Sources, parsed: Namespace) -> Table:
        partitions, shared = _members(sources)
        fabric = _or_say(sources.observed)
        rows = [
            (
                str(key),
                len(partition.members),
                _count(partition.members, "full"),
                _count(partition.members, "limited"),
                _all(
                    _in_force(fabric, TableEntry.of(key, membership), guid, shared)
                    for guid, membership in partition.members.items()
                ),
            )
            for key, partition in sorted(partitions.items())
        ]
        return ("key", "members", "full", "limited", "in_force"), rows


class PartitionShow(_PartitionCommand):
    """Show the members of one partition: as Neutron wants them, and as the fabric shows them.

    index: where the entry is in the port's table; null where it is not, or is not known.
    """

    example = "ibstack partition show 0x0001"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("key", metavar="KEY", help="the partition key: 0x0001, or 1")
        return parser

    def answer(self, sources: _Sources, parsed: Namespace) -> Table:
        key = PartitionKey.parse(parsed.key)
        desired, wanted = sources.wanted()
        members = wanted.partitions[key].members if key in wanted.partitions else {}
        fabric = _or_say(sources.observed)
        hosts: dict[Guid, set[str]] = {}
        for member in desired.members:
            hosts.setdefault(member.guid, set()).add(member.host)
        rows = []
        for guid, membership in sorted(members.items()):
            entry = TableEntry.of(key, membership)
            table = _table(fabric, guid)
            rows.append(
                (
                    str(guid),
                    ",".join(sorted(hosts[guid])),
                    membership.value,
                    table.index(entry) if table and entry in table else None,
                    _in_force(fabric, entry, guid, wanted.shared),
                )
            )
        if not rows:
            _say(f"partition {key} has no members")
        return ("guid", "host", "membership", "index", "in_force"), rows


class PartitionPlan(_PartitionCommand):
    """Show what ibstack-fabricd would publish now: the steps from its file to what Neutron wants.

    Exit code 0: nothing to do; 3: there are steps; 4: Neutron could not be asked.
    """

    example = "ibstack partition plan"

    def answer(self, sources: _Sources, parsed: Namespace) -> Table:
        desired, wanted = sources.wanted()
        found = sources.published()
        if found.whose in {Whose.FOREIGN, Whose.EDITED}:
            raise NotOurFile(sources.settings.partitions_conf, found)
        published = sources.tenants(found.published)
        steps = plan(wanted.partitions, published, {*wanted.partitions, *published})
        hosts = {member.guid: member.host for member in desired.members}
        if steps:
            self.status = _DIFFERS
        else:
            count = sum(len(part.members) for part in wanted.partitions.values())
            _say(f"nothing to do: {count} members are published as Neutron wants them")
        return ("step", "host"), [(str(step), hosts.get(step.guid)) for step in steps]


class PartitionAudit(_PartitionCommand):
    """Compare the table of every port of the fabric with what Neutron wants.

    Only what two looks in a row find is listed.  Exit code 0: no difference; 3: there are some; 4:
    it could not be known, or not of every port.
    """

    example = "ibstack partition audit -f json"

    def answer(self, sources: _Sources, parsed: Namespace) -> Table:
        _, wanted = sources.wanted()
        found, fabric = self._look(sources, wanted)
        if found:
            time.sleep(_SECOND_LOOK_S)
            again, fabric = self._look(sources, wanted)
            found = [drift for drift in found if drift in again]
        unread = [str(guid) for guid, port in fabric.ports.items() if port.table is None]
        if unread:
            _say(f"the tables of these ports could not be read: {', '.join(unread)}")
            self.status = _NOT_KNOWN
        if found:
            self.status = _DIFFERS
        elif not unread:
            _say(f"no difference: {len(fabric.ports)} ports are as Neutron wants them")
        columns = ("class", "alarm", "guid", "port", "entry", "detail")
        return columns, [
            (
                drift.kind.value,
                drift.kind.alarm,
                str(drift.guid) if drift.guid else None,
                drift.name or None,
                str(drift.entry) if drift.entry else None,
                drift.detail or None,
            )
            for drift in found
        ]

    @staticmethod
    def _look(sources: _Sources, wanted: Wanted) -> tuple[list[Drift], _Fabric]:
        settings = sources.settings.fabric
        fabric = sources.observed()
        expected = Expected(
            desired=wanted.partitions,
            ours=settings.owned_keys,
            full_default=settings.full_default | fabric.managers,
            site_keys=Site.read(settings).keys,
            managers=fabric.managers,
        )
        return audit(expected, fabric.ports), fabric


def _members(sources: _Sources) -> tuple[Partitions, frozenset[Guid]]:
    try:
        _, wanted = sources.wanted()
    except TryLater as error:
        _say(f"{error}; showing what was published last")
        found = sources.published()
        if found.whose is not Whose.OURS:
            raise
        return sources.tenants(found.published), frozenset()
    return wanted.partitions, wanted.shared


def _in_force(
    fabric: _Fabric | None, entry: TableEntry, guid: Guid, shared: frozenset[Guid]
) -> bool | None:
    """Tell whether a member's table shows it; None where that is not known.

    A VF that is not up has no port on the fabric yet: nothing is known of its table.
    """
    if fabric is None or (guid not in fabric.ports and guid not in shared):
        return None
    table = _table(fabric, guid)
    if guid in fabric.ports and table is None:
        return None
    return table is not None and entry in table


def _table(fabric: _Fabric | None, guid: Guid) -> tuple[TableEntry | None, ...] | None:
    port = fabric.ports.get(guid) if fabric is not None else None
    return port.table if port is not None else None


def _all(states: Any) -> bool | None:
    """Return False where one is False, else True where one is True, else None: not known."""
    known = [state for state in states if state is not None]
    return all(known) if known else None


def _count(members: Mapping[Guid, Membership], value: str) -> int:
    return sum(membership.value == value for membership in members.values())


def _or_say(read: Callable[[], _Fabric]) -> _Fabric | None:
    try:
        return read()
    except IbstackError as error:
        _say(str(error))
        return None


def _within(limit_s: float, call: Callable[[], Desired | None], doing: str) -> Desired | None:
    """Call in a thread, for the first message to a broker that is away waits without an end."""
    answers: list[Desired | IbstackError | None] = []

    def run() -> None:
        try:
            answers.append(call())
        except IbstackError as error:
            answers.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(limit_s)
    if not answers:
        raise TryLater(f"cannot {doing}: no answer within {limit_s:g} s; is the broker running?")
    if isinstance(answers[0], IbstackError):
        raise answers[0]
    return answers[0]


def _say(line: str) -> None:
    print(f"ibstack: {line}", file=sys.stderr)


__all__ = ["PartitionAudit", "PartitionList", "PartitionPlan", "PartitionShow"]
