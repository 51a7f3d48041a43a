# SPDX-License-Identifier: Apache-2.0
"""`ibstack partition …`: who is a member of what, by Neutron, by the file, and by the fabric."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ibstack.cli.partition_look import Fabric
from ibstack.cli.patience import within
from ibstack.cli.shell import Lister, say
from ibstack.fabric.errors import BadInput, IbstackError, TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PROOF_KEYS, PartitionKey, TableEntry
from ibstack.formats.partitions_conf.reading import read
from ibstack.mad import PortInfo
from ibstack.subnet_manager.opensm.file_changes import file_of, other_changes
from ibstack.subnet_manager.opensm.partitions_conf import understand
from ibstack.subnet_manager.opensm.partitions_file_store import FileOwner, Found, NotOurFile
from ibstack.subnet_manager.opensm.site_partitions import site_partitions
from ibstack.subnet_manager.policy.claims import Claims
from ibstack.subnet_manager.policy.known_ports import KnownPorts
from ibstack.subnet_manager.policy.plan import DesiredPartitions, collect_desired, plan
from ibstack.subnet_manager.policy.site import TenantKeys
from ibstack.subnet_manager.reconcile.admission import Seen, judged
from ibstack.subnet_manager.reconcile.kept_members import KeptMembers
from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts
from ibstack.subnet_manager.reconcile.standing_ports import StandingPorts

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Mapping, Sequence

    from ibstack.fabric.partition import Membership, Partitions
    from ibstack.subnet_manager.neutron_cloud import NeutronCloud
    from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile
    from ibstack.subnet_manager.options import FabricdSettings
    from ibstack.subnet_manager.reconcile.pass_context import Desired

_CONFIG: Final = "/etc/ibstack/fabricd.conf"
DIFFERS: Final = 3
_ASKING: Final = "ask Neutron for the members"
NOT_KNOWN: Final = 4

Table = tuple[tuple[str, ...], list[tuple[Any, ...]]]


class Sources:
    """The three accounts of one fabric, read with fabricd's own settings."""

    # OpenStack's libraries and the daemon take a second to import: --help does without.

    def __init__(self, config_files: Sequence[str]) -> None:
        from oslo_config import cfg

        from ibstack.subnet_manager import options

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
        """Ask Neutron; TryLater where it cannot be asked now.  See believed()."""
        settings = self.settings
        self._cloud.hint()
        found = within(settings.rpc_timeout_s, self._cloud.desired, _ASKING)
        if found is None:
            raise TryLater(f"cannot {_ASKING}: there was no answer")
        if found.trouble is not None:
            raise found.trouble
        return found

    def believed(self, desired: Desired, fabric: Fabric | None = None) -> Desired:
        """Return what fabricd believes of *desired* where the fabric is as it shows."""
        settings = self.settings
        known = KnownHosts(settings.state_path, settings.fabric.host_guids, remembers=False)
        return known.judge(desired, fabric.known if fabric is not None else KnownPorts())

    @cached_property
    def _cloud(self) -> NeutronCloud:
        import ibstack.neutron.native_threads  # noqa: F401  Before what imports oslo.messaging.
        from ibstack.neutron.client import PluginClient, open_transport
        from ibstack.neutron.signature import Signer
        from ibstack.subnet_manager.neutron_cloud import NeutronCloud

        settings = self.settings
        client = PluginClient(
            open_transport(self._conf),
            timeout_s=settings.rpc_timeout_s,
            signer=Signer.read(settings.answer_key_file),
        )
        return NeutronCloud(
            client,
            settings.physical_network,
            settings.poll_interval_s,
            kept=KeptMembers(settings.state_path, remembers=False),
        )

    def wanted(
        self, look: Callable[[], Fabric | None] = lambda: None
    ) -> tuple[Desired, DesiredPartitions]:
        """Return what Neutron wants, and what of it is served; say of all else why it is not.

        *look* reads the fabric, after Neutron was asked; None where it cannot be.
        """
        desired = self.desired()
        fabric_now = look()
        desired = self.believed(desired, fabric_now)
        fabric = self.settings.fabric
        claims = Claims(fabric.full_default, site_partitions(fabric).guids)
        wanted = collect_desired(desired.members, fabric.owned_keys, claims.why_not_a_vf)
        for port, why in wanted.unfit.items():
            say(f"port {port} is not served: {why}")
        for alarm in desired.alarms:
            say(alarm)
        if fabric_now is not None:
            fits = self.fitting(desired, fabric_now)
            for port in fits.unfit.keys() - wanted.unfit.keys():
                say(f"port {port} is not served: {fits.unfit[port]}")
            wanted = fits
        return desired, wanted

    def fitting(self, desired: Desired, fabric: Fabric) -> DesiredPartitions:
        """Return what fabricd publishes of *desired* on *fabric*: no more than fits."""
        from ibstack.subnet_manager.daemon import publication

        file, settings = publication(self.settings), self.settings.fabric
        seen = Seen(
            fabric.known,
            StandingPorts(file.folder).guids,
            fabric.manager.port,
            self.tenants(file.look().published),
            frozenset(map(Guid.parse, file.shared())),
        )
        return judged(desired, settings, site_partitions(settings), seen)[0]

    def published(self) -> Found:
        from ibstack.subnet_manager.daemon import publication

        return publication(self.settings).look()

    @cached_property
    def fabric(self) -> Fabric | None:
        """What the fabric shows, read once; None where it cannot be, which is said."""
        return _orsay(self.observed)

    def observed(self) -> Fabric:
        """Read every port's table; CannotReadFabric or TryLater where that cannot be done."""
        from ibstack.subnet_manager.daemon import fabric_view

        with fabric_view(self.settings).open() as view:
            port = view.reader.port
            if isinstance(port, PortInfo) and not port.link_up:
                # It answers for itself, and would be taken for the whole fabric.
                raise TryLater(
                    "cannot read the fabric: the local port has no link; look at its cable, or"
                    " name another one with ca and port of [fabric]"
                )
            manager, survey = view.manager(), view.survey()
            ours = view.may_manage() or frozenset()
            return Fabric(survey, view.managers() & ours, ours, manager, view.known(None))

    def tenants(self, partitions: Partitions) -> Partitions:
        """Return those of *partitions* that are neither the site's nor reserved."""
        mine = TenantKeys(site_partitions(self.settings.fabric).keys)
        return {key: part for key, part in partitions.items() if key in mine}


class PartitionCommand(Lister):
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
        return self.answer(self.sources(parsed), parsed)

    @staticmethod
    def sources(parsed: Namespace) -> Sources:
        return Sources(parsed.config_file or [_CONFIG])

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        raise NotImplementedError

    def run(self, parsed: Namespace) -> int:
        printed = int(super().run(parsed))
        return printed or self.status


class PartitionList(PartitionCommand):
    """List the partitions: how many members Neutron wants, and whether the fabric shows them all.

    Where Neutron cannot be asked, the members are those of the published file, and that is said.
    in_force is null where the fabric cannot be read.
    """

    example = "ibstack partition list -f json"

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        partitions, shared = _members(sources)
        fabric = sources.fabric
        if fabric is not None:
            fabric.warn_of_shared_guids(g for part in partitions.values() for g in part.members)
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


class PartitionShow(PartitionCommand):
    """Show the members of one partition: as Neutron wants them, and as the fabric shows them.

    index: where the entry is in the port's table; null where it is not, or is not known.  A further
    port that has a member's GUID is a row of its own, with its node's name as host.
    """

    example = "ibstack partition show 0x0001"

    def get_parser(self, prog_name: str) -> ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("key", metavar="KEY", help="the partition key: 0x0001, or 1")
        return parser

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        key = PartitionKey.parse(parsed.key)
        desired, wanted = sources.wanted()
        members = wanted.partitions[key].members if key in wanted.partitions else {}
        fabric = sources.fabric
        hosts: dict[Guid, set[str]] = {}
        for member in desired.members:
            hosts.setdefault(member.guid, set()).add(member.host)
        rows = []
        for guid, membership in sorted(members.items()):
            entry = TableEntry.of(key, membership)
            host = ",".join(sorted(hosts[guid]))
            in_force = _in_force(fabric, entry, guid, wanted.shared)
            shown = [(host, _table(fabric, guid), in_force)]
            for twin in fabric.survey.twins_of(guid) if fabric is not None else ():
                holds = None if twin.table is None else entry in twin.table
                shown.append((twin.name, twin.table, holds))
            rows += [
                (
                    str(guid),
                    where,
                    membership.value,
                    table.index(entry) if table and entry in table else None,
                    holds,
                )
                for where, table, holds in shown
            ]
        if fabric is not None:
            fabric.warn_of_shared_guids(members)
        if not rows:
            say(f"partition {key} has no members")
        return ("guid", "host", "membership", "index", "in_force"), rows


class PartitionPlan(PartitionCommand):
    """Show what ibstack-fabricd would publish now: the steps from its file to what is wanted.

    Wanted are Neutron's members as far as the tables of the fabric's ports have room for them,
    full_default_members, and the lines of site_partitions.  Where the fabric cannot be read, that
    is said, and nothing is known of room.

    Exit code 0: nothing to do; 3: there are steps; 4: Neutron could not be asked.
    """

    example = "ibstack partition plan"

    def answer(self, sources: Sources, parsed: Namespace) -> Table:
        settings = sources.settings
        site = site_partitions(settings.fabric)  # What fabricd refuses is never published.
        desired, wanted = sources.wanted(lambda: sources.fabric)
        found = sources.published()
        if found.whose in {FileOwner.OTHER, FileOwner.EDITED}:
            raise NotOurFile(settings.partitions_conf, found)
        before = _before(found, str(settings.partitions_conf))
        theirs = {each.key for each in read(before.site.encode()).statements} if before else set()
        published = {
            key: part for key, part in sources.tenants(found.published).items() if key not in theirs
        }
        steps = plan(wanted.partitions, published, {*wanted.partitions, *published})
        after = file_of(
            before.proof if before else PROOF_KEYS[0],
            wanted.partitions,
            wanted.shared,
            settings.fabric.full_default,
            site.text,
        )
        changes = [*steps, *other_changes(before, after)]
        if changes:
            self.status = DIFFERS
        else:
            count = sum(len(part.members) for part in wanted.partitions.values())
            say(f"nothing to do: {count} members are published as Neutron wants them")
        hosts = {member.guid: member.host for member in desired.members}
        return ("step", "host"), [
            (str(each), None if isinstance(each, str) else hosts.get(each.guid)) for each in changes
        ]


def _before(found: Found, file: str) -> PartitionsFile | None:
    """Return what ibstack has published; None where nothing of its own stands there."""
    if found.whose is not FileOwner.OURS or found.text is None:
        return None
    return understand(found.statements, found.text, file)


def _members(sources: Sources) -> tuple[Partitions, frozenset[Guid]]:
    try:
        _, wanted = sources.wanted(lambda: sources.fabric)
    except TryLater as error:
        say(f"{error}; showing what was published last")
        found = sources.published()
        if found.whose is not FileOwner.OURS:
            raise
        return sources.tenants(found.published), frozenset()
    return wanted.partitions, wanted.shared


def _in_force(
    fabric: Fabric | None, entry: TableEntry, guid: Guid, shared: frozenset[Guid]
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


def _table(fabric: Fabric | None, guid: Guid) -> tuple[TableEntry | None, ...] | None:
    port = fabric.ports.get(guid) if fabric is not None else None
    return port.table if port is not None else None


def _all(states: Any) -> bool | None:
    """Return False where one is False, else True where one is True, else None: not known."""
    known = [state for state in states if state is not None]
    return all(known) if known else None


def _count(members: Mapping[Guid, Membership], value: str) -> int:
    return sum(membership.value == value for membership in members.values())


def _orsay(read: Callable[[], Fabric]) -> Fabric | None:
    try:
        return read()
    except IbstackError as error:
        say(str(error))
        return None
