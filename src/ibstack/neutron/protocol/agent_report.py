# SPDX-License-Identifier: Apache-2.0
"""What the agents report about themselves: `configurations` in docs/reference/protocols.md."""

from __future__ import annotations

import contextlib
import functools
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ibstack.fabric.adapter import AdapterKind
from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import PciAddress, unfold
from ibstack.formats.codec import object_of
from ibstack.neutron.protocol.instance import told_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReportedAdapter:
    """An adapter of a host, as its agent reported it last."""

    physical_network: str
    shares_table: bool
    """True on mlx4: the physical port's table serves its VFs, so the physical port is the member.
    False: each VF has a port GUID, and a table, of its own."""
    port_guid: Guid | None
    vfs: frozenset[PciAddress]
    entries: int | None = None
    """Of the physical port's P_Key table; None: not known, as of an agent of an earlier release."""


@dataclass(frozen=True, slots=True)
class TableRooms:
    """For how many of a fabric's partitions tables have room, as an ibstack-fabricd walked it."""

    most: int | None = None
    """Of every port that is not in *smaller*; None: nobody has walked."""
    smaller: Mapping[Guid, int] = field(default_factory=dict)

    def of(self, guid: Guid | None) -> int | None:
        """Return the number of a port; None where it is not known."""
        return self.most if guid is None else self.smaller.get(guid, self.most)


def adapters(configurations: Mapping[str, Any]) -> tuple[ReportedAdapter, ...]:
    """Read the `adapters` of an agent's *configurations*; one that cannot be read is left out."""
    reported = configurations.get("adapters")
    found = (_adapter(row) for row in reported) if isinstance(reported, list) else ()
    return tuple(adapter for adapter in found if adapter is not None)


# A whole fabric is assembled from the reports of all its hosts, nearly all of them unchanged.
@functools.lru_cache(maxsize=65536)
def adapters_in(text: str) -> tuple[ReportedAdapter, ...]:
    """The same, from `configurations` as the database keeps them."""
    return adapters(object_of(text))


@dataclass(frozen=True, slots=True)
class LeftVf:
    """A VF that is still attached to a MAC that has no port in Neutron."""

    physical_network: str
    pci: PciAddress
    mac: str


@functools.lru_cache(maxsize=65536)
def left_in(text: str) -> tuple[LeftVf, ...]:
    """Read `left` of `configurations` as the database keeps them; nonsense is left out."""
    reported = object_of(text).get("left")
    found = map(_left, reported) if isinstance(reported, list) else ()
    return tuple(one for one in found if one is not None)


def _left(row: object) -> LeftVf | None:
    try:
        physical_network, pci, mac = str(row).split()
        Guid.from_mac(mac)
        return LeftVf(physical_network, PciAddress.parse(pci), mac)
    except ValueError as error:
        LOG.debug("an agent reports a VF that cannot be read: %s: %r", error, row)
        return None


def instance_in(text: str) -> str | None:
    """Return the digest of the instance that a heartbeat is of; None where it says none."""
    return told_in(object_of(text))


def served_networks(text: str) -> frozenset[str]:
    """Return the physical networks that an ibstack-fabricd reports to serve."""
    return frozenset(_texts(object_of(text), "physical_networks"))


def table_rooms(texts: Iterable[str], physical_network: str) -> TableRooms:
    """Read the rooms of *physical_network* out of what ibstack-fabricds report, as it is stored.

    What one of them has walked and another has not counts; of two numbers the smaller one does.
    What cannot be read is left out: then fabricd holds what does not fit.
    """
    most: list[int] = []
    smaller: dict[Guid, int] = {}
    for configurations in map(object_of, texts):
        number = configurations.get("table_room")
        if physical_network not in _texts(configurations, "physical_networks"):
            continue
        if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
            most.append(number)
        for row in _texts(configurations, "small_tables"):
            with contextlib.suppress(ValueError):
                spelled, room = row.split()
                guid = Guid.parse(spelled)
                smaller[guid] = min(int(room), smaller.get(guid, int(room)))
    return TableRooms(max(most, default=None), smaller)


def guids(text: str) -> frozenset[Guid]:
    """Return the port GUIDs that an agent of either type reports: physical ports' and the site's.

    A GUID that cannot be read is left out.
    """
    configurations = object_of(text)
    found = {one.port_guid for one in adapters(configurations) if one.port_guid is not None}
    for spelled in _texts(configurations, "reserved_guids"):
        with contextlib.suppress(BadValue):
            found.add(Guid.parse(spelled))
    return frozenset(found)


def _texts(configurations: Mapping[str, Any], key: str) -> list[str]:
    listed = configurations.get(key)
    return [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []


# One set for all hosts that spell it alike: 10,000 hosts have a few kinds of adapters.
_vfs = functools.lru_cache(maxsize=1024)(unfold)


def _adapter(row: object) -> ReportedAdapter | None:
    try:
        return read_adapter(row)
    except (BadValue, KeyError, TypeError, AttributeError) as error:
        LOG.debug("an agent reports an adapter that cannot be read: %s: %r", error, row)
        return None


def read_adapter(row: Any) -> ReportedAdapter:
    """Read one of `adapters`.  BadValue, KeyError, TypeError, AttributeError: it cannot be."""
    guid, physical_network = row.get("port_guid"), row["physical_network"]
    if not isinstance(physical_network, str):
        raise TypeError(f"its physical network is {physical_network!r:.40}")
    return ReportedAdapter(
        physical_network=physical_network,
        shares_table=row["kind"] == AdapterKind.MLX4.value,
        port_guid=None if guid is None else Guid.parse(guid),
        vfs=_vfs(row.get("vfs") or ""),
        entries=_entries(row.get("entries")),
    )


def _entries(number: object) -> int | None:
    return number if isinstance(number, int) and number > 0 else None
