# SPDX-License-Identifier: Apache-2.0
"""Who is a member of what: by Neutron, by the published file, and by the fabric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

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
from ibstack.subnet_manager.reconcile.admission import AdmissionFacts, judged
from ibstack.subnet_manager.reconcile.kept_members import KeptMembers
from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts
from ibstack.subnet_manager.reconcile.physical_ports import PhysicalPorts
from ibstack.subnet_manager.reconcile.published_members import PublishedMembers
from ibstack.views.patience import within

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ibstack.fabric.partition import Membership, Partitions
    from ibstack.subnet_manager.fabricd.neutron_cloud import NeutronCloud
    from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile
    from ibstack.subnet_manager.policy.drift import ObservedPort, Survey
    from ibstack.subnet_manager.reconcile.pass_context import Desired
    from ibstack.subnet_manager.seam import Manager
    from ibstack.subnet_manager.settings import FabricdSettings

_ASKING: Final = "ask Neutron for the members"
Remark = Callable[[object], None]
"""Takes one line for a person, beside the answer."""


@dataclass(frozen=True, slots=True)
class Fabric:
    """What the fabric shows now."""

    survey: Survey
    managers: frozenset[Guid]
    """The site's ports on which a subnet manager runs."""
    may_manage: frozenset[Guid]
    """The site's ports on which one may run."""
    manager: Manager
    """What is on this host's own port."""
    known: KnownPorts
    """What the walk tells of the ports that members may claim or fill."""

    @property
    def ports(self) -> Mapping[Guid, ObservedPort]:
        return self.survey.ports

    def shared_guids(self, guids: Iterable[Guid]) -> Iterator[str]:
        """Yield a remark for each GUID of *guids* that is that of several nodes."""
        wanted = set(guids)
        for shared in self.survey.shared:
            if shared.guid in wanted:
                yield f"{shared.guid} is {shared}; OpenSM serves one of them"


class Sources:
    """The three accounts of one fabric, read with fabricd's own settings."""

    # OpenStack's libraries and the daemon take a second to import: --help does without.

    def __init__(self, config_files: Sequence[str], remark: Remark) -> None:
        """*config_files*: fabricd's.  BadInput where they cannot be read."""
        from oslo_config import cfg

        from ibstack.neutron.client.settings_files import read_files
        from ibstack.subnet_manager.fabricd import options

        conf = cfg.CONF  # The global one: see ibstack.subnet_manager.fabricd.daemon.main().
        options.register(conf)
        try:
            read_files(conf, [f"--config-file={path}" for path in config_files], project="ibstack")
            self.settings: FabricdSettings = options.read_settings(conf)
        except (cfg.Error, BadInput) as error:
            raise BadInput(f"cannot read the settings of ibstack-fabricd: {error}") from error
        self._conf = conf
        self.remark = remark

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
        import ibstack.neutron.client.native_threads  # noqa: F401  Before what imports oslo.messaging.
        from ibstack.neutron.client.rpc_client import PluginClient, open_transport
        from ibstack.neutron.protocol.signature import Signer
        from ibstack.subnet_manager.fabricd.neutron_cloud import NeutronCloud

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
            published=PublishedMembers(settings.state_path, lambda: self.published().published),
        )

    def wanted(
        self, look: Callable[[], Fabric | None] = lambda: None
    ) -> tuple[Desired, DesiredPartitions]:
        """Return what Neutron wants, and what of it is served; remark of all else why it is not.

        *look* reads the fabric, after Neutron was asked; None where it cannot be.
        """
        desired = self.desired()
        fabric_now = look()
        desired = self.believed(desired, fabric_now)
        fabric = self.settings.fabric
        claims = Claims(fabric.full_default, site_partitions(fabric).guids)
        wanted = collect_desired(desired.members, fabric.owned_keys, claims.why_not_a_vf)
        for port, why in wanted.unfit.items():
            self.remark(f"port {port} is not served: {why}")
        for alarm in desired.alarms:
            self.remark(alarm)
        if fabric_now is not None:
            fits = self.fitting(desired, fabric_now)
            for port in fits.unfit.keys() - wanted.unfit.keys():
                self.remark(f"port {port} is not served: {fits.unfit[port]}")
            wanted = fits
        return desired, wanted

    def fitting(self, desired: Desired, fabric: Fabric) -> DesiredPartitions:
        """Return what fabricd publishes of *desired* on *fabric*: no more than fits."""
        from ibstack.subnet_manager.fabricd.daemon import publication

        file, settings = publication(self.settings), self.settings.fabric
        seen = AdmissionFacts(
            fabric.known,
            PhysicalPorts(file.folder).guids,
            fabric.manager.port,
            self.tenants(file.read().published),
            frozenset(map(Guid.parse, file.shared())),
        )
        return judged(desired, settings, site_partitions(settings), seen)[0]

    def published(self) -> Found:
        from ibstack.subnet_manager.fabricd.daemon import publication

        return publication(self.settings).read()

    @cached_property
    def fabric(self) -> Fabric | None:
        """What the fabric shows, read once; None where it cannot be, which is remarked."""
        try:
            return self.observed()
        except IbstackError as error:
            self.remark(error)
            return None

    def observed(self) -> Fabric:
        """Read every port's table; CannotReadFabric or TryLater where that cannot be done."""
        from ibstack.subnet_manager.fabricd.daemon import fabric_view

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


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """One partition: how many members Neutron wants, and whether the fabric shows them all."""

    key: PartitionKey
    members: int
    full: int
    limited: int
    in_force: bool | None
    """None: the fabric cannot be read."""


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member of a partition, or one more port of the fabric that has a member's GUID."""

    guid: Guid
    host: str
    """By Neutron; the name of its node for one more port."""
    membership: Membership
    index: int | None
    """Where the entry is in the port's table; None: it is not, or that is not known."""
    in_force: bool | None


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step from the published file to what is wanted."""

    step: str
    host: str | None
    """Whose member it is about; None: it is about no member."""


def partitions(sources: Sources) -> list[PartitionRow]:
    """Return the partitions in the order of their keys.

    Where Neutron cannot be asked, the members are those of the published file, and that is
    remarked.
    """
    wanted, shared = _members(sources)
    fabric = sources.fabric
    if fabric is not None:
        guids = (guid for part in wanted.values() for guid in part.members)
        _remark_all(sources, fabric.shared_guids(guids))
    return [
        PartitionRow(
            key,
            len(partition.members),
            _count(partition.members, "full"),
            _count(partition.members, "limited"),
            _all(
                _in_force(fabric, TableEntry.of(key, membership), guid, shared)
                for guid, membership in partition.members.items()
            ),
        )
        for key, partition in sorted(wanted.items())
    ]


def members(sources: Sources, key: PartitionKey) -> list[MemberRow]:
    """Return the members of one partition: as Neutron wants them, and as the fabric shows them."""
    desired, wanted = sources.wanted()
    found = wanted.partitions[key].members if key in wanted.partitions else {}
    fabric = sources.fabric
    hosts: dict[Guid, set[str]] = {}
    for member in desired.members:
        hosts.setdefault(member.guid, set()).add(member.host)
    rows = []
    for guid, membership in sorted(found.items()):
        entry = TableEntry.of(key, membership)
        in_force = _in_force(fabric, entry, guid, wanted.shared)
        shown = [(",".join(sorted(hosts[guid])), _table(fabric, guid), in_force)]
        for twin in fabric.survey.twins_of(guid) if fabric is not None else ():
            holds = None if twin.table is None else entry in twin.table
            shown.append((twin.name, twin.table, holds))
        for where, table, holds in shown:
            index = table.index(entry) if table and entry in table else None
            rows.append(MemberRow(guid, where, membership, index, holds))
    if fabric is not None:
        _remark_all(sources, fabric.shared_guids(found))
    if not rows:
        sources.remark(f"partition {key} has no members")
    return rows


def planned_steps(sources: Sources) -> list[PlannedStep]:
    """Return the steps from fabricd's file to what is wanted; none: there is nothing to do.

    Wanted are Neutron's members as far as the tables of the fabric's ports have room for them,
    full_default_members, and the lines of site_partitions.  Where the fabric cannot be read, that
    is remarked, and nothing is known of room.
    NotOurFile where somebody else's file stands there.
    """
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
    if not changes:
        count = sum(len(part.members) for part in wanted.partitions.values())
        sources.remark(f"nothing to do: {count} members are published as Neutron wants them")
    hosts = {member.guid: member.host for member in desired.members}
    return [
        PlannedStep(str(each), None if isinstance(each, str) else hosts.get(each.guid))
        for each in changes
    ]


def _before(found: Found, file: str) -> PartitionsFile | None:
    """Return what ibstack has published; None where nothing of its own stands there."""
    if found.whose is not FileOwner.OURS or found.text is None:
        return None
    return understand(found.statements, found.text, file)


def _members(sources: Sources) -> tuple[Partitions, frozenset[Guid]]:
    """Return the members by partition that fit the tables, and which of them are physical ports."""
    try:
        _, wanted = sources.wanted(lambda: sources.fabric)
    except TryLater as error:
        sources.remark(f"{error}; showing what was published last")
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


def _all(states: Iterable[bool | None]) -> bool | None:
    """Return False where one is False, else True where one is True, else None: not known."""
    known = [state for state in states if state is not None]
    return all(known) if known else None


def _count(members: Mapping[Guid, Membership], value: str) -> int:
    return sum(membership.value == value for membership in members.values())


def _remark_all(sources: Sources, remarks: Iterable[str]) -> None:
    for each in remarks:
        sources.remark(each)
