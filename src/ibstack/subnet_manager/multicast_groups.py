# SPDX-License-Identifier: Apache-2.0
"""Multicast groups: those that a partitions file asks for, and how others differ from them.  Pure.

OpenSM makes a group when it first reads of it and keeps it as it is while it lives: a changed
`mtu=`, `rate=`, `Q_Key=` or `sl=` does nothing to it.  Sources: opensm/doc/partition-config.txt,
opensm/opensm/osm_prtn_config.c; seen on OpenSM 3.3.23 (tests/real/test_multicast_groups.py).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import FULL_MEMBER_BIT, PartitionKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ibstack.subnet_manager.partitions_grammar import Statement

VALUE: Final = 0x3F
"""Of an MTU or a rate in a record of a group; the two bits above say how it is compared."""
_IP_SIGNATURES: Final = (0x401B, 0x601B)
"""IPv4 and IPv6 in an MGID (RFC 4391, section 4)."""
_LINK_LOCAL: Final = 2
_IPOIB_Q_KEY: Final = 0x0B1B
# What OpenSM takes where the file says nothing (osm_base.h); 3 is 10 Gb/s, 4 is 2048 bytes.
_DEFAULTS: Final[dict[str, int]] = {
    "rate": 3,
    "mtu": 4,
    "sl": 0,
    "Q_Key": 0,
    "TClass": 0,
    "FlowLabel": 0,
}
_INHERITED: Final = ("rate", "mtu", "sl", "Q_Key", "FlowLabel")
"""By the groups that a statement lists, from its own flags: not TClass."""
_GBPS: Final = {
    **{2: 2.5, 3: 10, 4: 30, 5: 5, 6: 20, 7: 40, 8: 60, 9: 80, 10: 120, 11: 14, 12: 56},
    **{13: 112, 14: 168, 15: 25, 16: 100, 17: 200, 18: 300, 19: 28, 20: 50, 21: 400, 22: 600},
}


@dataclass(frozen=True, slots=True)
class MulticastGroup:
    """One group.  MTU and rate are IBTA's codes; None: not known."""

    mgid: IPv6Address
    key: PartitionKey
    mtu: int
    """1 to 5: 256 to 4096 bytes."""
    rate: int
    """2 to 22."""
    sl: int
    q_key: int | None = None
    tclass: int | None = None
    flow_label: int | None = None

    def __str__(self) -> str:
        return f"{self.mgid} of {self.key}"


def broadcast_mgid(key: PartitionKey) -> IPv6Address:
    """Return the MGID of a partition's IPoIB broadcast group: ff12:401b:<P_Key>::ffff:ffff."""
    return IPv6Address(0xFF12401B << 96 | (key.base | FULL_MEMBER_BIT) << 80 | 0xFFFFFFFF)


def wanted_groups(statements: Iterable[Statement]) -> dict[IPv6Address, MulticastGroup]:
    """Return the groups that OpenSM makes of *statements*, were it started now.

    The first word on a group counts.  OpenSM makes those only of partitions that have a member on
    the fabric.
    """
    wanted: dict[IPv6Address, MulticastGroup] = {}
    for statement in statements:
        for group in _groups_of(statement):
            wanted.setdefault(group.mgid, group)
    return wanted


def differences(
    wanted: MulticastGroup, there: MulticastGroup, *, qos: bool | None = None
) -> str | None:
    """Say how a group differs from what the file asks for; None where it does not.

    *qos*: without it OpenSM takes service level 0 whatever the file says; None: not known.
    """
    levels = {wanted.sl} if qos else {0} if qos is False else {0, wanted.sl}
    parts = [
        _differs("mtu", _bytes(there.mtu), _bytes(wanted.mtu)),
        _differs("rate", _speed(there.rate), _speed(wanted.rate)),
        None if there.sl in levels else _differs("sl", there.sl, wanted.sl),
        _differs("Q_Key", _hex(there.q_key), _hex(wanted.q_key)),
        _differs("TClass", there.tclass, wanted.tclass),
        _differs("FlowLabel", there.flow_label, wanted.flow_label),
    ]
    return ", ".join(part for part in parts if part) or None


def _differs(name: str, there: object, wanted: object) -> str | None:
    if None in (there, wanted) or there == wanted:
        return None
    return f"{name} is {there}, and not {wanted}"


def _bytes(code: int) -> str:
    return f"{128 << code} bytes" if 1 <= code <= 5 else f"code {code}"


def _speed(code: int) -> str:
    return f"{_GBPS[code]:g} Gb/s" if code in _GBPS else f"code {code}"


def _hex(value: int | None) -> str | None:
    return None if value is None else f"0x{value:x}"


def _groups_of(statement: Statement) -> Iterator[MulticastGroup]:
    flags, scopes = _flags(statement.flags)
    if "ipoib" in statement.flags:
        # Its scope is link-local whatever the flags say.
        said = _DEFAULTS | flags
        yield _group(broadcast_mgid(statement.key), statement.key, said)
    for listed in statement.groups:
        mgid, *words = listed.split(",")
        own, own_scopes = _flags(words)
        inherited = {name: flags[name] for name in _INHERITED if name in flags}
        said = _DEFAULTS | inherited | own
        for scope in sorted({*scopes, *own_scopes} or {_LINK_LOCAL}):
            yield _group(_placed(mgid, statement.key, scope), statement.key, said)


def _flags(words: Iterable[str]) -> tuple[dict[str, int], set[int]]:
    """Return the flags of a group, the last of each name, and the scopes."""
    flags: dict[str, int] = {}
    scopes: set[int] = set()
    for word in words:
        name, equals, value = (part.strip() for part in word.partition("="))
        if name == "scope":
            scopes.update({int(value, 0)} - {0})
        elif name in _DEFAULTS and equals:
            flags[name] = int(value, 0)
    return flags, scopes


def _placed(mgid: str, key: PartitionKey, scope: int) -> IPv6Address:
    """Return an MGID as OpenSM registers it: its scope, and of an IP group its partition, set."""
    raw = bytearray(ipaddress.IPv6Address(mgid.strip()).packed)
    raw[1] = raw[1] & 0xF0 | scope
    if _is_ip(raw):
        raw[4:6] = (key.base | FULL_MEMBER_BIT).to_bytes(2, "big")
    return IPv6Address(bytes(raw))


def _is_ip(mgid: bytes | bytearray) -> bool:
    return int.from_bytes(mgid[2:4], "big") in _IP_SIGNATURES


def _group(mgid: IPv6Address, key: PartitionKey, said: Mapping[str, int]) -> MulticastGroup:
    return MulticastGroup(
        mgid=mgid,
        key=key,
        mtu=said["mtu"],
        rate=said["rate"],
        sl=said["sl"],
        q_key=said["Q_Key"] or (_IPOIB_Q_KEY if _is_ip(mgid.packed) else 0),
        tclass=said["TClass"],
        flow_label=said["FlowLabel"],
    )
