# SPDX-License-Identifier: Apache-2.0
"""Which multicast groups OpenSM makes of a partitions file, and which it does not.

Sources: osm_prtn_config.c, osm_prtn_add_mcgroup() of osm_prtn.c, and mcmr_rcv_create_new_mgrp() of
osm_sa_mcmember_record.c, all in opensm/opensm; compared with 3.3.23 under ibsim by
tests/real/test_opensm_reads_any_file.py.
"""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.formats.partitions_conf.group_flags import GroupFlags
from ibstack.formats.partitions_conf.remark import Effect, Remark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.fabric.partition import PartitionKey
    from ibstack.formats.partitions_conf.group_flags import AskedGroup
    from ibstack.formats.partitions_conf.statement import Statement

_LINK_LOCAL: Final = 2
_IPOIB_Q_KEY: Final = 0x0B1B
_SIGNATURES_OF_IP: Final = (0x401B, 0x601B)
_SIGNATURE_OF_THE_SA: Final = 0xA01B
_BROADCAST_MGID: Final = int(ipaddress.IPv6Address("ff12:401b:ffff::ffff:ffff"))
_PLAIN: Final = GroupFlags()
_MTUS: Final = range(1, 6)
_RATES: Final = range(2, 25)


@dataclass(frozen=True, slots=True)
class Group:
    """A multicast group as OpenSM makes it; it goes where its partition ends up without members."""

    mgid: ipaddress.IPv6Address
    key: PartitionKey
    mtu: int | None
    """IBTA's code; None: the smallest of the adapters' (bit 6 of the number asks for that)."""
    rate: int | None
    """The same of the rate."""
    sl: int
    sl_without_qos: int
    q_key: int
    tclass: int
    flow_label: int

    @property
    def like(self) -> tuple[object, ...]:
        """What two groups of one MGID have to share to be the same."""
        return self.mtu, self.rate, self.sl, self.q_key, self.tclass, self.flow_label


class Groups:
    """The groups made so far, statement by statement."""

    def __init__(self) -> None:
        self.made: dict[int, Group] = {}
        """By MGID."""
        self.remarks: list[Remark] = []

    def add(self, statement: Statement) -> None:
        """Add what one more statement makes."""
        if statement.ipoib:
            self._broadcast(statement)
        for asked in statement.groups:
            why = self._add(statement, asked)
            if why:
                self.remarks.append(Remark(asked.line, f"{asked}: {why}", Effect.OTHERWISE))

    def _broadcast(self, statement: Statement) -> None:
        flags, key = statement.of_groups, statement.key
        mgid = _of_partition(_BROADCAST_MGID, key)
        # The plain one of a partition: nearly all lines of a large file.
        if flags == _PLAIN:
            there = self.made.setdefault(mgid, _plain_broadcast(key))
            if there.like == _LIKE_PLAIN:
                return
        said = GroupFlags(
            flags.mtu,
            flags.rate,
            flags.sl,
            q_key=flags.q_key or _IPOIB_Q_KEY,
            tclass=flags.tclass,
            flow_label=flags.flow_label,
        )
        why = self._make(mgid, key, said, own_sl=False)
        if not why and flags.scopes - {_LINK_LOCAL} and not statement.groups:
            why = "scope= says nothing to the group of ipoib, which has scope 2"
        if why:
            what = f"ipoib of partition {key}: {why}"
            self.remarks.append(Remark(statement.line, what, Effect.OTHERWISE))

    def _add(self, statement: Statement, asked: AskedGroup) -> str:
        """Make what an mgid asks for; return why it is not made as it stands there."""
        mgid, flags, key = int(asked.mgid), asked.flags, statement.key
        if _is_ip(mgid):
            why = _unfit(mgid, flags, statement)
            if why:
                return why
            mgid = _of_partition(mgid, key)
            flags = _with_q_key(flags)
        if mgid in self.made:
            return self._there(mgid, _group(mgid, key, flags, own_sl=asked.own_sl))
        scopes = sorted(flags.scopes) or [_LINK_LOCAL]
        whys = [
            self._make(_with_scope(mgid, scope), key, flags, own_sl=asked.own_sl)
            for scope in scopes
        ]
        if not any(whys) and _scope(mgid) not in scopes:
            made = ipaddress.IPv6Address(_with_scope(mgid, scopes[0]))
            return f"OpenSM makes {made} of it, by its scope"
        return "; ".join(dict.fromkeys(filter(None, whys)))

    def _make(self, mgid: int, key: PartitionKey, flags: GroupFlags, *, own_sl: bool) -> str:
        group = _group(mgid, key, flags, own_sl=own_sl)
        if mgid in self.made:
            return self._there(mgid, group)
        why = "; ".join(self._refusals(mgid, flags))
        if not why:
            self.made[mgid] = group
        return why

    def _there(self, mgid: int, group: Group) -> str:
        there = self.made[mgid]
        if there.like == group.like and there.key == group.key:
            return ""
        return f"the group is there already, of {there.key} and with other flags: OpenSM keeps that"

    def _refusals(self, mgid: int, flags: GroupFlags) -> Iterator[str]:
        if _is_ip(mgid):
            broadcast = _with_scope(_of_group(mgid), _scope(mgid))
            if mgid != broadcast and broadcast not in self.made:
                yield (
                    "OpenSM makes no IP group where its partition has no broadcast group of that"
                    " scope: write ipoib"
                )
        elif mgid >> 112 & 0xE0:
            yield "OpenSM makes no group whose MGID has one of the reserved flags"
        elif _signature(mgid) == _SIGNATURE_OF_THE_SA and _scope(mgid) == _LINK_LOCAL:
            yield "OpenSM keeps MGIDs with a01b and scope 2 for itself"
        if not _is_realizable(flags.mtu, _MTUS):
            yield f"OpenSM makes no group of mtu {flags.mtu & 0x3F}"
        if not _is_realizable(flags.rate, _RATES):
            yield f"OpenSM makes no group of rate {flags.rate & 0x3F}"


def groups(statements: Iterable[Statement]) -> tuple[dict[int, Group], tuple[Remark, ...]]:
    """Return what an OpenSM that starts makes of *statements*, by MGID, and what it does not."""
    found = Groups()
    for statement in statements:
        found.add(statement)
    return found.made, tuple(found.remarks)


def _unfit(mgid: int, flags: GroupFlags, statement: Statement) -> str:
    """Return why an IP group does not fit its partition."""
    own, key = statement.of_groups, statement.key
    if mgid != _BROADCAST_MGID and _key_in(mgid) not in (0, key.base | 0x8000):
        return (
            f"its partition key is 0x{_key_in(mgid):04x}, and OpenSM makes no group: write"
            f" 0x{key.base | 0x8000:04x}, or 0 for it"
        )
    for name, said, wanted in (("rate", flags.rate, own.rate), ("mtu", flags.mtu, own.mtu)):
        if said != wanted:
            return f"{name}={said}, and its partition has {wanted}: OpenSM makes no such IP group"
    return ""


def _group(mgid: int, key: PartitionKey, flags: GroupFlags, *, own_sl: bool) -> Group:
    return Group(
        ipaddress.IPv6Address(mgid),
        key,
        _exactly(flags.mtu),
        _exactly(flags.rate),
        flags.sl,
        flags.sl if own_sl else 0,
        flags.q_key,
        flags.tclass,
        flags.flow_label,
    )


# The same of every file, and a file is read again for each change of it.
@functools.lru_cache(maxsize=32768)
def _plain_broadcast(key: PartitionKey) -> Group:
    """Return the group of ipoib where the partition says no more of it."""
    mgid = _of_partition(_BROADCAST_MGID, key)
    return _group(mgid, key, _with_q_key(_PLAIN), own_sl=False)


def _with_q_key(flags: GroupFlags) -> GroupFlags:
    if flags.q_key:
        return flags
    return GroupFlags(
        flags.mtu,
        flags.rate,
        flags.sl,
        flags.scopes,
        _IPOIB_Q_KEY,
        flags.tclass,
        flags.flow_label,
    )


def _exactly(code: int) -> int | None:
    """Return the code, of which 8 bits count; bit 6 makes it "the largest possible"."""
    return None if code & 0x40 else code & 0x3F


def _is_realizable(code: int, good: range) -> bool:
    exact = _exactly(code)
    return exact is None or exact in good


def _signature(mgid: int) -> int:
    return mgid >> 96 & 0xFFFF


def _is_ip(mgid: int) -> bool:
    return _signature(mgid) in _SIGNATURES_OF_IP


def _key_in(mgid: int) -> int:
    return mgid >> 80 & 0xFFFF


def _scope(mgid: int) -> int:
    return mgid >> 112 & 0xF


def _with_scope(mgid: int, scope: int) -> int:
    return mgid & ~(0xF << 112) | scope << 112


def _of_partition(mgid: int, key: PartitionKey) -> int:
    return mgid & ~(0xFFFF << 80) | (key.base | 0x8000) << 80


def _of_group(mgid: int) -> int:
    """Return the broadcast group of the partition that an IP group's MGID names."""
    return _BROADCAST_MGID & ~(0xFFFF << 80) | _key_in(mgid) << 80


_LIKE_PLAIN: Final = (_PLAIN.mtu, _PLAIN.rate, 0, _IPOIB_Q_KEY, 0, 0)
