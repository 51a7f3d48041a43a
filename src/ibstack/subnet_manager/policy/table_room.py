# SPDX-License-Identifier: Apache-2.0
"""How many partitions a port's table has room for, and which members have to wait.  Pure.

OpenSM drops what does not fit without a word to whoever published it, the proof key too, so what
cannot fit is not published.  Every table has an entry for the default partition; a subnet
manager's also keeps two for the proof keys of the old and the new file, and one for its repair.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import Partition
from ibstack.formats.partitions_conf.statement import Keyword
from ibstack.subnet_manager.policy.known_ports import KnownPorts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.member import Member
    from ibstack.fabric.partition import PartitionKey, Partitions
    from ibstack.formats.partitions_conf.statement import Statement
    from ibstack.subnet_manager.policy.plan import DesiredPartitions

_EVERY_ADAPTER: Final = frozenset({Keyword.ALL, Keyword.ALL_CAS})
_PROOFS: Final = 2
_SCRATCH: Final = 1
_BASE: Final = attrgetter("base")
_SWITCH_SPARE: Final = 1
"""OpenSM 3.3.23 stops the checks at a port whose switch's table would be filled to the last entry
(tests/real/test_enforcement_lost.py)."""


@dataclass(frozen=True, slots=True)
class Fill:
    """How full a table is."""

    guid: Guid
    host: str
    used: int
    """The entries for the default partition, for the site's partitions and for ours."""
    entries: int

    @property
    def share(self) -> float:
        return self.used / self.entries if self.entries else 1.0

    def __str__(self) -> str:
        return f"{self.used} of {self.entries}"


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the tables hold beside the tenants' keys."""

    known: KnownPorts = field(default_factory=KnownPorts)
    managers: frozenset[Guid] = frozenset()
    """Ports of hosts that run a subnet manager, or may."""
    site: tuple[Statement, ...] = ()

    def fixed(self, guid: Guid) -> int:
        """Return how many entries are the default partition's and the site's."""
        keys = {
            statement.key
            for statement in self.site
            if any(self._is(listed.who, guid) for listed in statement.members)
        }
        return 1 + len(keys)

    def room(self, guid: Guid, fixed: int) -> int | None:
        """Return how many keys of ours fit; None: not known, as of a VF."""
        size = self.known.sizes.get(guid)
        if size is None:
            return None
        taken = fixed + (_PROOFS + _SCRATCH if guid in self.managers else 0)
        own = size.entries - taken
        if size.of_switch is None:
            return max(own, 0)
        return max(min(own, size.of_switch - taken - _SWITCH_SPARE), 0)

    def entries(self, guid: Guid) -> int:
        """Return the size of the smaller one of a known port's table and its switch's."""
        size = self.known.sizes[guid]
        return size.entries if size.of_switch is None else min(size.entries, size.of_switch)

    def smaller(self) -> tuple[int | None, tuple[tuple[Guid, int], ...]]:
        """Return for how many keys the roomiest adapter's port has place, and what others have.

        The numbers are of all keys of ours, those that are there too; the smallest come first.
        None: no port is known.
        """
        rooms = {}
        for guid in self.known.sizes:
            room = None if guid in self.known.switches else self.room(guid, self.fixed(guid))
            if room is not None:
                rooms[guid] = room
        most = max(rooms.values(), default=None)
        less = [(guid, room) for guid, room in rooms.items() if room != most]
        return most, tuple(sorted(less, key=lambda one: (one[1], one[0])))

    def _is(self, who: Guid | Keyword, guid: Guid) -> bool:
        if who is Keyword.SELF:
            return guid in self.managers
        return who == guid or who in _EVERY_ADAPTER


def fit(
    wanted: DesiredPartitions, members: Iterable[Member], published: Partitions, rooms: Rooms
) -> tuple[DesiredPartitions, tuple[Fill, ...]]:
    """Return what fits of *wanted*, and how full each table is that several partitions share.

    What is published stays, but on a subnet manager's port, whose proof keys must have a place.
    Of what is new the lowest keys come first, so that a standby decides alike.
    """
    want, have = _by_port(wanted.partitions), _by_port(published)
    hosts = {member.guid: member.host for member in members}
    fills: list[Fill] = []
    out: dict[Guid, set[PartitionKey]] = {}
    for guid in sorted(guid for guid, keys in want.items() if len(keys) > 1 or len(have[guid]) > 1):
        fixed = rooms.fixed(guid)
        room = rooms.room(guid, fixed)
        if room is None:
            continue
        stays = _chosen(want[guid], have[guid], room, may_expel=guid in rooms.managers)
        if dropped := want[guid] - stays:
            out[guid] = dropped
        used = fixed + len(stays) + (1 if guid in rooms.managers else 0)
        fills.append(Fill(guid, hosts.get(guid, "?"), used, rooms.entries(guid)))
    if not out:
        return wanted, tuple(fills)
    return _without(wanted, out, members, {fill.guid: fill for fill in fills}), tuple(fills)


def _chosen(
    want: set[PartitionKey], have: set[PartitionKey], room: int, *, may_expel: bool
) -> set[PartitionKey]:
    old = want & have
    stays = set(_lowest(old, room)) if may_expel else old
    left = room - len(stays) - len(have - want)
    return stays | set(_lowest(want - have, max(left, 0)))


def _lowest(keys: Iterable[PartitionKey], count: int) -> list[PartitionKey]:
    return sorted(keys, key=_BASE)[:count]


def _by_port(partitions: Partitions) -> defaultdict[Guid, set[PartitionKey]]:
    found: defaultdict[Guid, set[PartitionKey]] = defaultdict(set)
    for key, partition in partitions.items():
        for guid in partition.members:
            found[guid].add(key)
    return found


def _without(
    wanted: DesiredPartitions,
    out: Mapping[Guid, set[PartitionKey]],
    members: Iterable[Member],
    fills: Mapping[Guid, Fill],
) -> DesiredPartitions:
    unfit = dict(wanted.unfit)
    full = {guid: f"is full: {fills[guid]}; fewer networks there" for guid in out}
    for member in members:
        if member.guid in out and member.key in out[member.guid]:
            unfit.setdefault(member.port_id, f"the table of {member.host} {full[member.guid]}")
    partitions = dict(wanted.partitions)
    for key in {key for keys in out.values() for key in keys}:
        members_of = partitions.pop(key).members
        left = {g: how for g, how in members_of.items() if g not in out or key not in out[g]}
        if left:
            partitions[key] = Partition(key, left)
    return replace(wanted, partitions=partitions, unfit=unfit)
