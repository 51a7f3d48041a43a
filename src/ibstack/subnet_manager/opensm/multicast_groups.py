# SPDX-License-Identifier: Apache-2.0
"""Multicast groups: those that a partitions file asks for, and how others differ from them.  Pure.

OpenSM makes a group when it first reads of it and keeps it as it is while it lives: a changed
`mtu=`, `rate=`, `Q_Key=` or `sl=` does nothing to it.  Sources: opensm/doc/partition-config.txt,
opensm/opensm/osm_prtn_config.c; seen on OpenSM 3.3.23 (tests/real/test_multicast_groups.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.facts.fabric.multicast_group import MulticastGroup
from ibstack.formats.partitions_conf.groups import groups

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv6Address

    from ibstack.formats.partitions_conf.groups import Group
    from ibstack.formats.partitions_conf.statement import Statement

_GBPS: Final = {
    **{2: 2.5, 3: 10, 4: 30, 5: 5, 6: 20, 7: 40, 8: 60, 9: 80, 10: 120, 11: 14, 12: 56},
    **{13: 112, 14: 168, 15: 25, 16: 100, 17: 200, 18: 300, 19: 28, 20: 50, 21: 400, 22: 600},
}


def wanted_groups(statements: Iterable[Statement]) -> dict[IPv6Address, MulticastGroup]:
    """Return the groups that OpenSM makes of *statements*, were it started now.

    It makes those only of partitions that have a member on the fabric.
    """
    made, _ = groups(statements)
    return {group.mgid: _wanted(group) for group in made.values()}


def _wanted(group: Group) -> MulticastGroup:
    return MulticastGroup(
        group.mgid,
        group.key,
        group.mtu,
        group.rate,
        group.sl,
        group.q_key,
        group.tclass,
        group.flow_label,
        group.sl_without_qos,
    )


def differences(
    wanted: MulticastGroup, there: MulticastGroup, *, qos: bool | None = None
) -> str | None:
    """Say how a group differs from what the file asks for; None where it does not.

    *qos*: without it OpenSM takes service level 0 whatever the file says; None: not known.
    """
    without = wanted.sl_without_qos
    levels = {wanted.sl} if qos else {without} if qos is False else {without, wanted.sl}
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


def _bytes(code: int | None) -> str | None:
    if code is None:
        return None
    return f"{128 << code} bytes" if 1 <= code <= 5 else f"code {code}"


def _speed(code: int | None) -> str | None:
    if code is None:
        return None
    return f"{_GBPS[code]:g} Gb/s" if code in _GBPS else f"code {code}"


def _hex(value: int | None) -> str | None:
    return None if value is None else f"0x{value:x}"
