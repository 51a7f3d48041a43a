# SPDX-License-Identifier: Apache-2.0
"""Name every difference between what is desired of a fabric and what its tables show.  Pure.

The names of the classes follow NVIDIA's infra controller.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import (
    DEFAULT_PARTITION,
    PROOF_KEYS,
    SCRATCH_KEY,
    Membership,
    Partitions,
    PkeyTable,
    TableEntry,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.member import LeftVf
    from ibstack.fabric.partition import PartitionKey
    from ibstack.facts.fabric.shared_guids import SharedGuid


class DriftClass(enum.Enum):
    """What kind of difference; the alarms mean that isolation is at stake."""

    MISSING = "missing"
    """Desired, and not in the port's table."""
    UNEXPECTED = "unexpected"
    """A key of ours that should not be there."""
    UNKNOWN = "unknown"
    """A key that is neither ours nor the site's."""
    PORT_DOWN = "port down"
    """A member's port is not active, or is a physical port that is not on the fabric."""
    OPEN_DEFAULT = "open default"
    """Full member of the default partition, and not listed as one: it can talk to every port."""
    DEAD_INDEX_0 = "dead index 0"
    """The first entry is empty, and that is where ib0 and an untouched VF look."""
    TABLE_FULL = "table full"
    """No entry is free, so OpenSM drops what is admitted next."""
    ENFORCEMENT_LOST = "enforcement lost"
    """The switch no longer checks partition keys at this port."""
    STALE_STANDBY = "stale standby"
    """A standby subnet manager would take over with an old file."""
    LEFT_ATTACHED = "left attached"
    """A VF is still attached for a GUID that has no port; it is on no partition."""
    DUPLICATE_GUID = "duplicate guid"
    """Several nodes have one GUID: OpenSM serves one of them, and keys are given by GUID."""
    FOREIGN_MANAGER = "foreign subnet manager"
    """A subnet manager runs on a port that is none of the site's."""
    GROUP_MISSING = "group missing"
    """The partitions file asks for a multicast group that OpenSM has not made."""
    GROUP_DIFFERS = "group differs"
    """OpenSM keeps a multicast group as it was made; the file says something else by now."""

    @property
    def alarm(self) -> bool:
        return self in _ALARMS


_ALARMS: Final = {
    DriftClass.OPEN_DEFAULT,
    DriftClass.DEAD_INDEX_0,
    DriftClass.TABLE_FULL,
    DriftClass.ENFORCEMENT_LOST,
    DriftClass.STALE_STANDBY,
    DriftClass.DUPLICATE_GUID,
    DriftClass.FOREIGN_MANAGER,
}
GROUP_KINDS: Final = {DriftClass.GROUP_MISSING, DriftClass.GROUP_DIFFERS}
REPAIRABLE: Final = {
    DriftClass.MISSING,
    DriftClass.UNEXPECTED,
    DriftClass.OPEN_DEFAULT,
    # A trap that was lost leaves a new port in INIT until OpenSM sweeps for another reason: for
    # ever under ibsim, whose switches have no PortStateChange bit (found by tests/faults).
    DriftClass.PORT_DOWN,
    # Where the port's keys fill the switch's table OpenSM switches it off again: a person's work.
    DriftClass.ENFORCEMENT_LOST,
}
"""What goes away when OpenSM sweeps, and writes the port's table anew."""
_LEFT: Final = "Neutron has no port for it; `ibstack host show` there says what it waits for"


@dataclass(frozen=True, slots=True)
class ObservedPort:
    """One end port of the fabric, as it shows itself.  None throughout: not known."""

    table: PkeyTable | None
    active: bool | None = True
    enforced: bool | None = None
    """Whether the switch at the other end checks partition keys."""
    name: str = ""
    """The node's own description, such as `node003 mlx5_0`."""


@dataclass(frozen=True, slots=True)
class ObservedManager:
    """A port on which a subnet manager runs, by its own word."""

    guid: Guid
    place: str
    """Its node, and where its cable ends."""
    state: str | None
    """`master`, `standby`, `discovering` or `not active`; None: it does not answer."""
    has_our_key: bool | None = None
    """Whether its SM_Key is that of the subnet manager on this host; None: not known."""

    def __str__(self) -> str:
        if self.state is None:
            return f"{self.place}: it does not answer"
        keys = {None: "", True: ", with our SM_Key", False: ", with another SM_Key"}
        return f"{self.place}: {self.state}{keys[self.has_our_key]}"


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look at the whole fabric shows."""

    ports: Mapping[Guid, ObservedPort]
    """The end ports that are not a switch's, by port GUID; of several with one GUID, the one that
    serves."""
    problems: tuple[str, ...] = ()
    """What did not answer the walk; empty: no port was overlooked."""
    silent_nodes: int = 0
    """Of how many nodes that is."""
    enforcing: bool | None = None
    """Whether any of the switch ports that can check partition keys does; None: none can."""
    twins: tuple[tuple[Guid, ObservedPort], ...] = ()
    """Further ports, with the GUID of one of *ports*."""
    shared: tuple[SharedGuid, ...] = ()
    """Every GUID that several nodes have."""
    managers: tuple[ObservedManager, ...] = ()
    """Every port with a subnet manager."""

    @property
    def ends(self) -> tuple[tuple[Guid, ObservedPort], ...]:
        """Every port that was seen, with its GUID."""
        return (*self.ports.items(), *self.twins)

    def twins_of(self, guid: Guid) -> list[ObservedPort]:
        return [port for other, port in self.twins if other == guid]

    def unsure(self, guid: Guid) -> bool:
        """Tell whether this look says nothing of the table of *guid*."""
        port = self.ports.get(guid)
        if port is None:
            return bool(self.problems)
        return port.table is None or any(twin.table is None for twin in self.twins_of(guid))


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference."""

    kind: DriftClass
    guid: Guid | None
    """None where it is not about one port."""
    entry: TableEntry | None
    name: str = ""
    detail: str = ""
    gone: bool = False
    """Nothing can be written there: it is not on the fabric, or OpenSM serves another port of its
    GUID."""

    @property
    def repairable(self) -> bool:
        return self.kind in REPAIRABLE and self.guid is not None and not self.gone

    def __str__(self) -> str:
        about = (self.guid, self.entry, self.name, self.detail)
        return f"{self.kind.value}: {' '.join(str(part) for part in about if part)}"


STALE_STANDBY: Final = Drift(
    DriftClass.STALE_STANDBY, None, None, detail="this host would take over with an old file"
)

UNCONFIRMED: Final = Drift(
    DriftClass.STALE_STANDBY,
    None,
    None,
    detail="this host took over, and Neutron has not confirmed its file; nothing is acknowledged",
)

UNPROVED: Final = Drift(
    DriftClass.STALE_STANDBY,
    None,
    None,
    detail="this host took over with an old file, and no newer one is in force",
)

ENFORCED_NOWHERE: Final = Drift(
    DriftClass.ENFORCEMENT_LOST,
    None,
    None,
    detail="no switch checks partition keys: see part_enforce in the master's opensm.conf",
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the tables are held against."""

    desired: Partitions | None
    """None: not known, so only the alarms are looked for."""
    ours: Container[PartitionKey]
    full_default: frozenset[Guid]
    """Who may be a full member of the default partition, subnet managers in office included."""
    site_keys: frozenset[PartitionKey] | None = frozenset()
    """None: not known, so no key is called unknown."""
    managers: frozenset[Guid] = frozenset()
    """The ports where a proof key belongs."""
    may_manage: frozenset[Guid] | None = None
    """The ports on which the site runs subnet managers; None: not known."""
    physical: frozenset[Guid] = frozenset()
    """Members that are physical ports, which are always on the fabric; a VF comes and goes."""
    left: tuple[LeftVf, ...] = ()
    """VFs that are attached without a port, as their hosts report them."""

    def judges(self, kind: DriftClass) -> bool:
        """Tell whether enough is known to find differences of this kind."""
        if kind is DriftClass.UNKNOWN:
            return self.desired is not None and self.site_keys is not None
        return kind.alarm or self.desired is not None


@dataclass(frozen=True, slots=True)
class Audit:
    """What one look found, and of what it could not tell."""

    found: tuple[Drift, ...]
    unsure: Callable[[Drift], bool] = field(default=lambda drift: False)
    """Whether a difference that is not among *found* may be there all the same."""


def audit(expected: Expected, survey: Survey) -> Audit:
    """Return every difference, in order of ports.

    A table that is not known (None) shows nothing; a VF that is not on the fabric has no table
    yet, which is normal where its guest does not run.
    """
    wanted = _entries(expected.desired or {})
    found: list[Drift] = []
    if survey.enforcing is False:
        found.append(ENFORCED_NOWHERE)
    if expected.desired is not None and not survey.problems:
        found += _absent(expected, wanted, survey)
    found += [
        Drift(DriftClass.LEFT_ATTACHED, vf.guid, None, f"{vf.host} VF {vf.pci}", _LEFT)
        for vf in expected.left
    ]
    for guid, port in sorted(survey.ports.items(), key=lambda item: item[0].value):
        found += _audit_port(expected, guid, port, wanted.get(guid, set()))
    for guid, twin in survey.twins:
        found += _audit_twin(expected, guid, twin, wanted.get(guid, set()))
    found += (
        Drift(DriftClass.DUPLICATE_GUID, shared.guid, None, detail=str(shared))
        for shared in survey.shared
    )
    if expected.may_manage is not None:
        found += foreign_managers(expected.may_manage, survey.managers)

    def unsure(drift: Drift) -> bool:
        return not expected.judges(drift.kind) or _unseen(survey, drift)

    return Audit(tuple(drift for drift in found if expected.judges(drift.kind)), unsure)


def foreign_managers(
    may_manage: frozenset[Guid], managers: Iterable[ObservedManager]
) -> Iterator[Drift]:
    """Yield those of *managers* that run on no port of *may_manage*."""
    for each in managers:
        if each.guid not in may_manage:
            yield Drift(DriftClass.FOREIGN_MANAGER, each.guid, None, detail=f"at {each}")


def _unseen(survey: Survey, drift: Drift) -> bool:
    """Tell whether a survey could not have shown *drift*."""
    if drift.kind is DriftClass.LEFT_ATTACHED:
        return False  # Its host says so, and no table.
    if drift.kind in (DriftClass.DUPLICATE_GUID, DriftClass.FOREIGN_MANAGER):
        return bool(survey.problems)
    return drift.guid is not None and survey.unsure(drift.guid)


def _entries(desired: Partitions) -> dict[Guid, set[TableEntry]]:
    """Return what the table of each port should hold."""
    wanted: dict[Guid, set[TableEntry]] = {}
    for key, partition in desired.items():
        full, limited = TableEntry(key, full_member=True), TableEntry(key, full_member=False)
        for guid, membership in partition.members.items():
            entry = full if membership is Membership.FULL else limited
            wanted.setdefault(guid, set()).add(entry)
    return wanted


def _absent(
    expected: Expected, wanted: Mapping[Guid, set[TableEntry]], survey: Survey
) -> Iterator[Drift]:
    for guid in sorted(expected.physical & wanted.keys() - survey.ports.keys()):
        yield Drift(DriftClass.PORT_DOWN, guid, None, detail="it is not on the fabric", gone=True)


def _audit_port(
    expected: Expected, guid: Guid, port: ObservedPort, wanted: set[TableEntry]
) -> Iterator[Drift]:
    if wanted and port.active is False:
        yield Drift(DriftClass.PORT_DOWN, guid, None, port.name)
    if port.enforced is False:
        yield Drift(DriftClass.ENFORCEMENT_LOST, guid, None, port.name)
    if port.table and port.active is not False:
        for kind, entry in _audit_table(expected, guid, port.table, wanted):
            yield Drift(kind, guid, entry, port.name)


def _audit_twin(
    expected: Expected, guid: Guid, port: ObservedPort, wanted: set[TableEntry]
) -> Iterator[Drift]:
    """Yield what a port holds that OpenSM does not serve, for another one has its GUID."""
    if port.table and port.active is not False:
        for kind, entry in _audit_table(expected, guid, port.table, wanted):
            if kind is not DriftClass.MISSING:
                yield Drift(kind, guid, entry, port.name, gone=True)


def _audit_table(
    expected: Expected, guid: Guid, table: PkeyTable, wanted: set[TableEntry]
) -> Iterator[tuple[DriftClass, TableEntry | None]]:
    holds = {entry for entry in table if entry is not None}
    for entry in sorted(wanted - holds):
        yield DriftClass.MISSING, entry
    for entry in sorted(holds - wanted):
        kind = _kind(expected, guid, entry)
        if kind is not None:
            yield kind, entry
    if table[0] is None:
        yield DriftClass.DEAD_INDEX_0, None
    if None not in table:
        yield DriftClass.TABLE_FULL, None


def _kind(expected: Expected, guid: Guid, entry: TableEntry) -> DriftClass | None:
    """Return what is wrong with an entry that is not desired; None where nothing is."""
    key = entry.partition
    if key == DEFAULT_PARTITION:
        fine = not entry.full_member or guid in expected.full_default
        return None if fine else DriftClass.OPEN_DEFAULT
    if key in expected.ours or key == SCRATCH_KEY:
        return DriftClass.UNEXPECTED
    if key in PROOF_KEYS:
        return None if guid in expected.managers else DriftClass.UNEXPECTED
    return None if key in (expected.site_keys or ()) else DriftClass.UNKNOWN
