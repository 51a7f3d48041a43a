# SPDX-License-Identifier: Apache-2.0
"""Where a tenant's plain `network create` lands, by Neutron's ini files.

Source, the same in Neutron 26 to 29: neutron/plugins/ml2/managers.py tries the types of
tenant_network_types in their order; type_vlan.py, allocate_tenant_segment(), tries the physical
networks in the order in which network_vlan_ranges first names them, and takes a random free
segment of the first that has one.  The order of the alphabet plays no part; it did in releases
that asked the database for any free row.  tests/neutron/with_neutron/test_default_network.py has
the real plugin agree.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput
from ibstack.formats.vlan_ranges import FIRST_VLAN, LAST_VLAN, parse_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_VLAN: Final = "vlan"
_TUNNEL_RANGES: Final = {
    "vxlan": "[ml2_type_vxlan] vni_ranges",
    "geneve": "[ml2_type_geneve] vni_ranges",
    "gre": "[ml2_type_gre] tunnel_id_ranges",
}
RANGES_IN_DATABASE: Final = "network_segment_range"
"""The service plugin that takes the ranges out of the files and into the API."""


_FROM_DATABASE: Final = (f"[DEFAULT] service_plugins without {RANGES_IN_DATABASE}",)


class Outcome(enum.Enum):
    """When networks land there."""

    FIRST = "first"
    LATER = "later"
    NEVER = "never"
    NOT_KNOWN = "not known"
    """The files do not tell."""


@dataclass(frozen=True, slots=True)
class TypeOptions:
    """What the files say of the types of network."""

    tenant_types: tuple[str, ...] = ("local",)
    type_drivers: tuple[str, ...] = ("local", "flat", "vlan", "gre", "vxlan", "geneve")
    vlan_ranges: tuple[str, ...] = ()
    tunnel_ranges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    service_plugins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VlanPool:
    """The segments of one physical network that tenants may be given."""

    physical_network: str
    ranges: tuple[tuple[int, int], ...]

    @property
    def segments(self) -> int:
        return len({vlan for low, high in self.ranges for vlan in range(low, high + 1)})

    def __str__(self) -> str:
        return ",".join(f"{self.physical_network}:{low}:{high}" for low, high in self.ranges)


@dataclass(frozen=True, slots=True)
class NetworkPlacement:
    """One place where a network may land."""

    network_type: str
    physical_network: str | None
    segments: int | None
    """How many networks fit; None: not known, or without a limit."""
    outcome: Outcome
    why: str
    to_make_it_first: tuple[str, ...] = ()
    """The settings that would; empty where it is first, or where nothing would."""


def vlan_pools(entries: Iterable[str]) -> tuple[VlanPool, ...]:
    """Read network_vlan_ranges, in the order of first mention; BadInput names every fault.

    Source: neutron_lib/plugins/utils.py, parse_network_vlan_ranges().
    """
    found: dict[str, list[tuple[int, int]]] = {}
    faults = []
    whole = (FIRST_VLAN, LAST_VLAN)
    for entry in entries:
        read = parse_range(entry)
        if read is None:
            faults.append(f"{entry.strip()!r} (expected NAME or NAME:FIRST:LAST, 1 to 4094)")
        elif read.limits is None:
            found[read.physical_network] = [whole]
        elif found.get(read.physical_network) != [whole]:
            found.setdefault(read.physical_network, []).append(read.limits)
    if faults:
        raise BadInput(
            "cannot read [ml2_type_vlan] network_vlan_ranges, with which Neutron does not start:"
            f" {'; '.join(faults)}"
        )
    return tuple(VlanPool(name, tuple(ranges)) for name, ranges in found.items())


def network_placements(options: TypeOptions) -> tuple[NetworkPlacement, ...]:
    """Return every place in the order in which Neutron tries them.

    BadInput where Neutron does not start with these options.
    """
    missing = [kind for kind in options.tenant_types if kind not in options.type_drivers]
    if missing:
        raise BadInput(
            f"cannot say where networks land: Neutron does not start, since tenant_network_types"
            f" has {', '.join(missing)} and [ml2] type_drivers has not; add them there"
        )
    found: list[NetworkPlacement] = []
    for kind in options.tenant_types:
        found += _READERS.get(kind, _of_another)(kind, options)
    able = [each.network_type for each in found if each.outcome is not Outcome.NEVER]
    settled = (
        replace(each, to_make_it_first=(*_type_first(each, able, options), *each.to_make_it_first))
        for each in found
    )
    return tuple(_in_turn(settled))


def _in_turn(found: Iterable[NetworkPlacement]) -> Iterator[NetworkPlacement]:
    """Yield *found* with the outcome that each has after those before it."""
    before: NetworkPlacement | None = None
    certain = True
    for each in found:
        if each.outcome is Outcome.NEVER:
            yield each
            continue
        if before is not None and before.network_type == "local":
            why = "local, which is tried before, never runs out"
            yield replace(each, outcome=Outcome.NEVER, why=why)
            continue
        if each.outcome is Outcome.NOT_KNOWN or not certain:
            certain = False
            yield replace(each, outcome=Outcome.NOT_KNOWN)
        elif before is None:
            yield replace(each, to_make_it_first=())
        else:
            used_up = before.physical_network or before.network_type
            yield replace(each, outcome=Outcome.LATER, why=f"when {used_up} is used up")
        before = each


def _of_vlan(kind: str, options: TypeOptions) -> Iterator[NetworkPlacement]:
    pools = vlan_pools(options.vlan_ranges)
    in_database = RANGES_IN_DATABASE in options.service_plugins and len(pools) > 1
    if not pools:
        yield _never(kind, "[ml2_type_vlan] network_vlan_ranges is empty")
    for pool in pools:
        yield NetworkPlacement(
            kind,
            pool.physical_network,
            pool.segments,
            Outcome.NOT_KNOWN if in_database else Outcome.FIRST,
            "the ranges are in the database, whose order is nobody's choice"
            if in_database
            else "named first in network_vlan_ranges",
            (
                *_FROM_DATABASE[: int(in_database)],
                f"[ml2_type_vlan] network_vlan_ranges = {_ranges_first(pool, pools)}",
            ),
        )


def _of_tunnel(kind: str, options: TypeOptions) -> Iterator[NetworkPlacement]:
    ranges = options.tunnel_ranges.get(kind, ())
    if not ranges and RANGES_IN_DATABASE not in options.service_plugins:
        yield _never(kind, f"{_TUNNEL_RANGES[kind]} is empty")
        return
    yield NetworkPlacement(kind, None, None, Outcome.FIRST, f"{kind} is tried first")


def _of_local(kind: str, _options: TypeOptions) -> Iterator[NetworkPlacement]:
    yield NetworkPlacement(
        kind,
        None,
        None,
        Outcome.FIRST,
        "local needs nothing, and reaches no other host",
    )


def _of_flat(kind: str, _options: TypeOptions) -> Iterator[NetworkPlacement]:
    yield _never(kind, "Neutron gives tenants no flat network, whatever the files say")


def _of_another(kind: str, _options: TypeOptions) -> Iterator[NetworkPlacement]:
    yield NetworkPlacement(
        kind,
        None,
        None,
        Outcome.NOT_KNOWN,
        "another vendor's type of network",
    )


_READERS: Final[Mapping[str, Callable[[str, TypeOptions], Iterator[NetworkPlacement]]]] = {
    "flat": _of_flat,
    "local": _of_local,
    _VLAN: _of_vlan,
    **dict.fromkeys(_TUNNEL_RANGES, _of_tunnel),
}


def _never(kind: str, why: str) -> NetworkPlacement:
    return NetworkPlacement(kind, None, 0, Outcome.NEVER, why)


def _type_first(
    each: NetworkPlacement, able: Sequence[str], options: TypeOptions
) -> tuple[str, ...]:
    """Return the setting that has its type tried before those that are *able* to take networks."""
    kind = each.network_type
    if each.outcome is Outcome.NEVER or able[0] == kind:
        return ()
    ordered = [kind, *(other for other in options.tenant_types if other != kind)]
    return (f"[ml2] tenant_network_types = {','.join(ordered)}",)


def _ranges_first(pool: VlanPool, pools: Sequence[VlanPool]) -> str:
    return ",".join(str(each) for each in (pool, *(p for p in pools if p is not pool)))
