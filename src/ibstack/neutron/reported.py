# SPDX-License-Identifier: Apache-2.0
"""What the agents report about themselves: `configurations` in docs/reference/protocols.md."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import PciAddress, unfold

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


def adapters(configurations: Mapping[str, Any]) -> tuple[ReportedAdapter, ...]:
    """Read the `adapters` of an agent's *configurations*; one that cannot be read is left out."""
    reported = configurations.get("adapters")
    found = (_adapter(row) for row in reported) if isinstance(reported, list) else ()
    return tuple(adapter for adapter in found if adapter is not None)


# A whole fabric is assembled from the reports of all its hosts, nearly all of them unchanged.
@functools.lru_cache(maxsize=65536)
def adapters_in(text: str) -> tuple[ReportedAdapter, ...]:
    """The same, from `configurations` as the database keeps them."""
    return adapters(_object(text))


@dataclass(frozen=True, slots=True)
class LeftVf:
    """A VF that is still attached to a MAC that has no port in Neutron."""

    physical_network: str
    pci: PciAddress
    mac: str


@functools.lru_cache(maxsize=65536)
def left_in(text: str) -> tuple[LeftVf, ...]:
    """Read `left` of `configurations` as the database keeps them; nonsense is left out."""
    reported = _object(text).get("left")
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


def physical_networks(text: str) -> frozenset[str]:
    """Return the physical networks that an agent of either type reports to serve."""
    configurations = _object(text)
    listed = configurations.get("physical_networks")
    names = listed if isinstance(listed, list) else ()
    served = frozenset(name for name in names if isinstance(name, str))
    return served | {adapter.physical_network for adapter in adapters(configurations)}


# One set for all hosts that spell it alike: 10,000 hosts have a few kinds of adapters.
_vfs = functools.lru_cache(maxsize=1024)(unfold)


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, Mapping) else {}


def _adapter(row: object) -> ReportedAdapter | None:
    try:
        return _read(row)
    except (BadValue, KeyError, TypeError, AttributeError) as error:
        LOG.debug("an agent reports an adapter that cannot be read: %s: %r", error, row)
        return None


def _read(row: Any) -> ReportedAdapter:
    guid, physical_network = row.get("port_guid"), row["physical_network"]
    if not isinstance(physical_network, str):
        raise TypeError("its physical network is no text")
    return ReportedAdapter(
        physical_network=physical_network,
        shares_table=row["kind"] == "mlx4",
        port_guid=None if guid is None else Guid.parse(guid),
        vfs=_vfs(row.get("vfs") or ""),
    )
