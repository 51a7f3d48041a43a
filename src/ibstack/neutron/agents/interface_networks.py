# SPDX-License-Identifier: Apache-2.0
"""Which partition and which interfaces serve a network, as Neutron says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ibstack.fabric.errors import Refused
from ibstack.fabric.partition import TableEntry
from ibstack.fabric.segment import segment_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class ServedNetwork:
    """What serves a network: a partition, on one of these interfaces."""

    network_id: str
    physical_network: str
    interfaces: tuple[str, ...]
    entry: TableEntry


class Networks:
    """What Neutron says of networks, asked each time: an agent may have thousands."""

    def __init__(
        self, interfaces: Mapping[str, tuple[str, ...]], ask: Callable[..., Any] | None
    ) -> None:
        """*interfaces*: those of each physical network.

        *ask*: `get_networks` of the agent's RPC, which Neutron hands to an interface driver.
        """
        self._interfaces = interfaces
        self._ask = ask

    def wanted(self, network_id: str) -> ServedNetwork | None:
        """Return what serves *network_id*; None where it is not on a mapped physical network."""
        for segment in self._segments(network_id):
            physical_network = segment.get("provider:physical_network")
            interfaces = self._interfaces.get(physical_network or "")
            if physical_network and interfaces:
                return ServedNetwork(network_id, physical_network, interfaces, _entry(segment))
        return None

    def _segments(self, network_id: str) -> list[Any]:
        if self._ask is None:
            raise Refused(f"cannot ask about network {network_id}: this agent offers no way to")
        found = list(self._ask(filters={"id": [network_id]}))
        if not found:
            raise Refused(f"cannot plug into network {network_id}: Neutron has no such network")
        # A network of several segments has them in a list, and nothing at the top.
        return list(found[0].get("segments") or [found[0]])


def _entry(segment: Any) -> TableEntry:
    """Return the P_Key of a child: the full bit is always set, on the default partition too."""
    found = segment_entry(
        segment.get("provider:network_type"), segment.get("provider:segmentation_id")
    )
    return TableEntry(found.partition, full_member=True)
