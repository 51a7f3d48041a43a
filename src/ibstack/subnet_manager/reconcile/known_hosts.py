# SPDX-License-Identifier: Apache-2.0
"""Which port GUIDs are which host's, remembered, so that no report makes another port a host's own.

Whoever has an agent's account at the broker can report in any host's name.  Like ssh's known_hosts:
a host is believed at first sight, and a change only when a person or the site's list says so.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote, unquote

from ibstack.fabric.errors import BadInput
from ibstack.fabric.guid import Guid
from ibstack.fabric.member import Member
from ibstack.subnet_manager.policy.known_ports import KnownPorts
from ibstack.subnet_manager.policy.port_places import (
    PortPlaces,
    is_contested,
    owners_of_nodes,
    why_not_new,
)
from ibstack.subnet_manager.reconcile import known_hosts_file, order_files
from ibstack.subnet_manager.reconcile.known_hosts_file import Remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ibstack.subnet_manager.reconcile.known_hosts_file import Ports
    from ibstack.subnet_manager.reconcile.pass_context import Desired

LOG = logging.getLogger(__name__)

_NAME_BYTES: Final = 255
_NOTHING_SEEN: Final = KnownPorts()

Told: TypeAlias = "Mapping[str, Mapping[Guid, bool | None]]"
Doubts: TypeAlias = "dict[Guid | None, str]"
"""Why what a host reports is not believed, by port GUID; None: of its VFs' own GUIDs."""


class KnownHosts:
    """The hosts that were seen, in *folder*, and those that the site lists."""

    def __init__(
        self, folder: Path, listed: Mapping[str, frozenset[Guid]], *, remembers: bool = True
    ) -> None:
        """*remembers*: False to judge as the running daemon would, and to write nothing."""
        self._remembers = remembers
        self._file = folder / "known_hosts.json"
        self._folder = folder
        self._orders = folder / "orders" / "accept-host"
        self._listed = listed
        self._known: dict[str, Ports] | None = None
        self._kept: tuple[Member, ...] = ()
        self._had: tuple[Member, ...] = ()
        self._learnt = False
        self._places = PortPlaces({})
        self._seen: KnownPorts | None = None
        self._heard: Desired | None = None
        self._judged: Desired | None = None
        self._vfs: frozenset[Guid] = frozenset()
        """What Neutron has given to VFs: where a fabric shows those as nodes of their own, nothing
        in a walk tells them from adapters."""

    def accept(self, *hosts: str) -> None:
        """Tell the running daemon, or the next one, to take what *hosts* report now.

        BadInput, and none is ordered, where one is no name; Refused where this user may not.
        """
        names = {host: quote(host, safe="") for host in hosts}
        for host, name in names.items():
            if not host or len(name) > _NAME_BYTES or set(host) <= {"."}:
                raise BadInput(f"cannot accept host {host!r}: that is no name of a host")
        for host, name in names.items():
            order_files.leave(self._folder, self._orders / name, f"accept-host {host!r}")

    def obey(self, desired: Desired) -> bool:
        """Take what was ordered from *desired*, and return whether anything was.

        An order stands while there may be newer news than *desired*.
        """
        if desired.trouble is not None:
            return False
        orders = order_files.left(self._orders)
        if not orders:
            return False
        known, told = self._load(), _reported_ports(desired)
        for order in orders:
            host = unquote(order.name)
            ports = told.get(host)
            self._disown(ports or {})
            self._places.forget({**known.pop(host, {}), **(ports or {})})
            if ports is not None:
                known[host] = {**ports}
            LOG.info("host %r is accepted as it reports, as ordered: %s", host, _spelled(ports))
        self._heard, self._seen, self._learnt = None, None, True
        self._store()
        for order in orders:
            order_files.take_away(order)
        return True

    def judge(self, desired: Desired, seen: KnownPorts = _NOTHING_SEEN) -> Desired:
        """Return *desired* without what is not known to be its host's own.

        Its Neutron ports keep what they have on that host in that partition.  What is learnt is on
        disk before it is used; TryLater where that fails.  *seen*: what the latest walk has met;
        empty where there was none.
        """
        heard, judged = self._heard, self._judged
        news = seen is not self._seen and self._compare(seen)
        if judged is not None and heard is not None and _is_the_same_answer(heard, desired):
            doubtful = seen is not self._seen and judged.alarms != desired.alarms
            self._seen = seen
            if not news and not doubtful:
                return dataclasses.replace(
                    desired,
                    members=judged.members,
                    alarms=judged.alarms,
                    doubted=judged.doubted,
                    claimed=judged.claimed,
                )
        told, self._seen = _reported_ports(desired), seen
        self._vfs = frozenset(one.guid for one in desired.members if not one.shared)
        if self._learn(told, seen):
            self._compare(seen)
        own = {member.host for member in desired.members if not member.shared}
        doubts = {
            host: found
            for host in {*told, *own}
            if (found := self._doubts(host, told.get(host, {}), seen, own_guids=host in own))
        }
        members, kept = self._sort(desired.members, doubts)
        self._learnt |= self._kept != tuple(kept)
        self._kept = tuple(kept)
        self._store()
        alarms = [*self._alarms(doubts), *self._alarms_of_places(told)]
        judged = dataclasses.replace(
            desired,
            members=(*members, *kept),
            alarms=(*desired.alarms, *alarms),
            doubted=self._places.doubts,
            claimed=_claimed(desired, doubts, self._vfs),
        )
        self._heard, self._judged, self._had = desired, judged, judged.members
        return judged

    def _compare(self, seen: KnownPorts) -> bool:
        """Hold the places of known ports against *seen*; return whether anything is new by that."""
        known = self._load()
        places = self._places
        before = places.doubts, places.moves
        learnt = places.compare(known.values(), seen)
        self._learnt |= learnt
        return learnt or before != (places.doubts, places.moves)

    def _learn(self, told: Told, seen: KnownPorts) -> bool:
        """Take in what *told* tells of hosts that are new, and of kinds that were not known.

        Returns whether there is a host more.
        """
        known = self._load()
        before = len(known)
        new = [host for host in told if host not in known]
        if new:
            self._meet(new, told, seen)
        for host, ports in told.items():
            mine = known.get(host)
            if mine is None or mine == ports:
                continue  # Nearly all of them: a fabric is judged anew for each change of a port.
            for guid, kind in ports.items():
                if kind is not None and mine.get(guid, kind) is None:
                    mine[guid], self._learnt = kind, True
        return len(known) != before

    def _meet(self, hosts: Iterable[str], told: Told, seen: KnownPorts) -> None:
        """Take *hosts*, which were never seen, as they are told, but what others have or claim.

        And but what the fabric shows to be another's.
        """
        known = self._load()
        owners = {guid: host for host, ports in known.items() for guid in ports}
        claims = Counter(guid for ports in told.values() for guid in ports)
        nodes, everyone = owners_of_nodes(told, known, seen), {*told, *known}
        for host in hosts:
            ports = told[host]
            if any(claims[guid] > 1 or is_contested(guid, seen, nodes) for guid in ports):
                continue  # Whoever comes first in the answer need not be the one.
            known[host] = {
                guid: kind
                for guid, kind in ports.items()
                if guid not in owners and guid not in self._vfs
                if why_not_new(guid, host, seen, nodes, everyone) is None
            }
            self._learnt = True

    def _alarms(self, doubts: Mapping[str, Doubts]) -> Iterator[str]:
        """Yield what is said of each host, first of those that have ports of their own.

        Who makes hosts up makes as many as he likes, and a heartbeat has room for the first lines.
        """
        known = self._load()
        for host in sorted(doubts, key=lambda host: (not known.get(host), host)):
            yield _alarm(host, doubts[host])

    def _alarms_of_places(self, told: Told) -> Iterator[str]:
        doubts, moves = self._places.doubts, self._places.moves
        if not doubts and not moves:
            return
        for host, ports in sorted(self._load().items()):
            for guid in sorted(ports.keys() & doubts.keys()):
                yield _alarm_of_place(host, guid, doubts[guid], "nothing new is admitted by it; ")
            for guid in sorted(ports.keys() & moves.keys()):
                yield _alarm_of_place(host, guid, moves[guid], "")

    def _doubts(
        self,
        host: str,
        ports: Mapping[Guid, bool | None],
        seen: KnownPorts,
        *,
        own_guids: bool,
    ) -> Doubts:
        """Say of each port that *host* reports and that is not known to be its own why not.

        *own_guids*: VFs of it are members by GUIDs of their own.
        """
        known = self._load()
        mine: Ports = known.get(host, {})
        found: Doubts = {}
        for guid, kind in ports.items() if mine != ports else ():
            if guid not in mine:
                others = [other for other, theirs in known.items() if guid in theirs]
                found[guid] = f"is host {others[0]!r}'s" if others else self._new(guid, host, seen)
            elif kind is not None and mine[guid] is not kind:
                found[guid] = "is of another kind of adapter than it was"
        if own_guids and mine and all(kind is True for kind in mine.values()):
            found[None] = "share the table of their port, by what it was"
        return found

    def _new(self, guid: Guid, host: str, seen: KnownPorts) -> str:
        if guid in self._vfs:
            return "is a VF's, which Neutron has given it to"
        known = self._load()
        why = why_not_new(guid, host, seen, owners_of_nodes({}, known, seen), known)
        return "is new there" if why is None else why

    def _sort(
        self, members: tuple[Member, ...], doubts: Mapping[str, Doubts]
    ) -> tuple[tuple[Member, ...], list[Member]]:
        """Return those of *members* that are believed, and what the others keep."""
        if not doubts:
            return members, []
        known = self._load()
        had = defaultdict[str, list[Member]](list)
        for member in self._had:
            had[member.port_id].append(member)
        believed, kept = list[Member](), set[Member]()
        for member in members:
            doubt = doubts.get(member.host)
            if doubt is None or _follows_from(member, known.get(member.host, {}), doubt):
                believed.append(member)
            else:
                kept.update(
                    one
                    for one in had[member.port_id]
                    if (one.host, one.key) == (member.host, member.key)
                )
        return tuple(believed), sorted(kept - {*believed})

    def _disown(self, guids: Iterable[Guid]) -> None:
        for ports in self._load().values():
            for guid in guids:
                ports.pop(guid, None)

    def _load(self) -> dict[str, Ports]:
        if self._known is not None:
            return self._known
        was = known_hosts_file.read(self._file)
        known = was.hosts
        self._known, self._had, self._kept = known, was.kept, was.kept
        self._places = PortPlaces(was.places)
        for host, guids in self._listed.items():
            mine = known.get(host, {})
            self._disown(guids - mine.keys())
            known[host] = {**dict.fromkeys(guids), **mine}
        return known

    def _store(self) -> None:
        if self._learnt and self._remembers:
            what = Remembered(self._load(), self._kept, self._places.places)
            known_hosts_file.write(self._file, what)
        self._learnt = False


def _claimed(
    desired: Desired, doubts: Mapping[str, Doubts], vfs: frozenset[Guid]
) -> dict[Guid, str]:
    """Return whose ports have a VF's GUID by what they report: who is right cannot be told.

    Nobody new comes in by it then, the VF neither: a tenant chooses its MAC, and so its GUID.
    """
    return {
        member.guid: member.host
        for member in desired.members
        if member.shared and member.guid in vfs and member.guid in doubts.get(member.host, ())
    }


def _is_the_same_answer(heard: Desired, desired: Desired) -> bool:
    """Compare what each answer has anew; two answers without a member share the empty tuple."""
    return heard.members is desired.members and heard.hosts is desired.hosts


def _reported_ports(desired: Desired) -> Told:
    """Return each host's ports as they are told: by the host's report, and by its memberships."""
    told: dict[str, Mapping[Guid, bool | None]] = {**desired.hosts}
    for host, guid in {(one.host, one.guid) for one in desired.members if one.shared}:
        ports = told.get(host, {})
        if guid not in ports:
            told[host] = {**ports, guid: None}
    return told


def _follows_from(member: Member, known: Ports, doubts: Doubts) -> bool:
    """Return whether *member* follows from what is known of its host alone."""
    if member.shared:
        return member.guid not in doubts
    # A VF's own GUID comes of its MAC: it is a member by the kind of its adapter.
    return None not in doubts and bool(known) and not doubts.keys() & known.keys()


def _alarm(host: str, doubts: Doubts) -> str:
    guids = sorted(guid for guid in doubts if guid is not None)
    parts = [f"port GUID {guid}, which {doubts[guid]}" for guid in guids]
    if None in doubts:
        parts.append(f"VFs with GUIDs of their own, which {doubts[None]}")
    said = ", ".join(parts)
    return (
        f"host {host!r} reports {said}: nothing new is admitted by that; if the host was changed,"
        " run `ibstack partition accept-host` on every host with a subnet manager, otherwise"
        " somebody reports in its name"
    )


def _alarm_of_place(host: str, guid: Guid, why: str, so: str) -> str:
    return (
        f"port GUID {guid} of host {host!r} {why}: {so}if its adapter or its cable was moved, run"
        " `ibstack partition accept-host` on every host with a subnet manager, otherwise another"
        " adapter has its GUID"
    )


def _spelled(ports: Mapping[Guid, bool | None] | None) -> str:
    return ", ".join(map(str, sorted(ports or {}))) or "no port, so it is believed when it has one"


def listed_hosts(entries: Iterable[str]) -> dict[str, frozenset[Guid]]:
    """Read HOST:GUID entries of `host_guids`; BadInput with the entry that is none."""
    found: dict[str, set[Guid]] = {}
    owners: dict[Guid, str] = {}
    for host, guid in _entries(entries):
        if owners.setdefault(guid, host) != host:
            raise BadInput(f"option host_guids: {guid} is both {owners[guid]!r}'s and {host!r}'s")
        found.setdefault(host, set()).add(guid)
    return {host: frozenset(guids) for host, guids in found.items()}


def _entries(entries: Iterable[str]) -> Iterator[tuple[str, Guid]]:
    for entry in entries:
        host, colon, guid = entry.partition(":")
        if not (host.strip() and colon):
            raise BadInput(f"option host_guids: {entry!r} is not HOST:GUID, node001:0x… say")
        yield host.strip(), Guid.parse(guid)
