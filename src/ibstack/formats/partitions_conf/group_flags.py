# SPDX-License-Identifier: Apache-2.0
"""What a partitions file says of multicast groups: `mtu=5`, `Q_Key=…`, and `mgid=…`.

Source: parse_group_flag() in opensm/opensm/osm_prtn_config.c.  A flag is known by any beginning of
its name, in the order below, so that `s=1` is a scope; the number is whatever strtoul finds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ibstack.formats.partitions_conf.number import number
from ibstack.formats.partitions_conf.remark import Effect

if TYPE_CHECKING:
    import ipaddress

_PLAIN: Final = re.compile(rb"0x[0-9a-fA-F]+|0|[1-9][0-9]*")
_32_BITS: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class GroupFlags:
    """How groups are to be; the defaults are OpenSM's own.  MTU and rate are IBTA's codes."""

    mtu: int = 4
    rate: int = 3
    sl: int = 0
    """0 whatever stands there where OpenSM runs without QoS, but for that of an mgid's own line."""
    scopes: frozenset[int] = frozenset()
    q_key: int = 0
    tclass: int = 0
    flow_label: int = 0


@dataclass(frozen=True, slots=True)
class AskedGroup:
    """One `mgid=…`: its group is to be like its partition's, but for its own flags."""

    line: int
    mgid: ipaddress.IPv6Address
    flags: GroupFlags
    own_sl: bool = False
    """Its SL counts whether OpenSM runs with QoS or not."""

    def __str__(self) -> str:
        return f"mgid={self.mgid}"


@dataclass(frozen=True, slots=True)
class _Known:
    name: str
    least: int
    most: int
    field: str
    skips: bool = False
    """OpenSM leaves out a number that is no good; otherwise it takes even that."""


# opensm/include/iba/ib_types.h: rates of 23 and 24 came with 3.3.24.
_FLAGS: Final = (
    _Known("mtu", 1, 5, "mtu"),
    _Known("rate", 2, 22, "rate"),
    _Known("scope", 1, 15, "scopes", skips=True),
    _Known("Q_Key", 0, _32_BITS, "q_key"),
    _Known("TClass", 0, 255, "tclass"),
    _Known("sl", 0, 15, "sl", skips=True),
    _Known("FlowLabel", 0, (1 << 20) - 1, "flow_label", skips=True),
)


@dataclass(frozen=True, slots=True)
class ReadFlag:
    """What OpenSM takes a flag for."""

    flags: GroupFlags
    name: str
    odd: str = ""
    """What is odd about it, if anything."""
    effect: Effect = Effect.OTHERWISE
    skipped: bool = False


def read_flag(flags: GroupFlags, name: bytes, value: bytes | None) -> ReadFlag | None:
    """Return *flags* with one more; None for one that is no flag of a group."""
    text = name.decode("latin-1")
    known = next((each for each in _FLAGS if each.name.startswith(text)), None)
    if known is None:
        return None
    kept = None if value is None else _kept_number(known, value)
    after = flags if kept is None else _with(flags, known, kept)
    odd, effect = _odd(known, value)
    if text != known.name:
        taken = f"which OpenSM takes for {known.name}"
        odd, effect = f"flag {text!r} is none that OpenSM knows by name, {taken}", Effect.OTHERWISE
    return ReadFlag(after, known.name, odd, effect, skipped=kept is None)


def _kept_number(known: _Known, value: bytes) -> int | None:
    """Return what OpenSM keeps of a value; None: it keeps what it had."""
    found = number(value)
    kept = found.value & _32_BITS
    if not known.skips:
        return kept & 0xFF if known.name == "TClass" else kept
    if not value or not known.least <= kept <= known.most:
        return None
    strange = known.name != "scope" and found.rest and found.rest[:1] not in b" \t\n\v\f\r"
    return None if strange else kept


def _with(flags: GroupFlags, known: _Known, kept: int) -> GroupFlags:
    if known.field == "scopes":
        return replace(flags, scopes=flags.scopes | {kept})
    numbers: dict[str, int] = {known.field: kept}
    return replace(flags, **numbers)  # type: ignore[arg-type]


def _odd(known: _Known, value: bytes | None) -> tuple[str, Effect]:
    text = (value or b"").decode("latin-1")
    if value and _PLAIN.fullmatch(value):
        kept = int(value, 0)
        if known.least <= kept <= known.most:
            return "", Effect.AS_MEANT
        if known.name == "rate" and kept in (23, 24):
            what = "OpenSM makes no group of that rate before version 3.3.24"
            return f"rate={text}: must be a number from 2 to 22: {what}", Effect.AS_MEANT
    limits = f"must be a number from {known.least} to {known.most}"
    return f"{known.name}={text}: {limits}", Effect.OTHERWISE
