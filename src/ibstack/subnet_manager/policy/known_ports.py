# SPDX-License-Identifier: Apache-2.0
"""What the latest walk tells of the ports that members may claim or fill.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ibstack.fabric.guid import Guid
from ibstack.formats.codec import record

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class TableSize:
    """How many partition keys a port has place for."""

    entries: int
    """Of its own table."""
    of_switch: int | None = None
    """Of the switch's table for the port at the other end; None: it checks none there."""


@record
@dataclass(frozen=True, slots=True)
class PortPlace:
    """Where an adapter's port is.  None: not known."""

    node: Guid | None
    """The node GUID: one for all ports of an adapter of mlx4, and of each function of mlx5."""
    switch: Guid | None = None
    number: int | None = None
    """The port of the switch."""

    def same_node(self, other: PortPlace) -> bool:
        """Tell whether it may be the same adapter."""
        return self.node is None or other.node is None or self.node == other.node

    def same_cable(self, other: PortPlace) -> bool:
        """Tell whether the cable may be where it was."""
        ends = (self.switch, self.number), (other.switch, other.number)
        return None in (self.switch, other.switch) or ends[0] == ends[1]

    def __str__(self) -> str:
        if self.switch is None:
            return "a place that is not known"
        return f"port {self.number} of switch {self.switch}"


@dataclass(frozen=True, slots=True)
class KnownPorts:
    """The ports of one walk; empty where there was none."""

    sizes: Mapping[Guid, TableSize] = field(default_factory=dict)
    """Of every end port."""
    names: Mapping[Guid, str] = field(default_factory=dict)
    """The node descriptions that are known."""
    managers: frozenset[Guid] = frozenset()
    """Ports on which a subnet manager runs."""
    switches: frozenset[Guid] = frozenset()
    from_macs: frozenset[Guid] = frozenset()
    """Adapters' ports whose GUID a MAC address could have made: the form of a VF's."""
    places: Mapping[Guid, PortPlace] = field(default_factory=dict)
    """Of adapters' ports."""
    doubled: frozenset[Guid] = frozenset()
    """Port GUIDs that several adapters have."""
    whole: bool = False
    """Every node answered."""

    def names_host(self, guid: Guid, host: str) -> bool:
        """Tell whether the node of *guid* says that it is of *host*.

        rdma-ndd (rdma-core) describes a node by its host's name, without the domain, and its
        device; where nothing has set it, the adapter's model stands there.
        """
        words = self.names.get(guid, "").lower().split()
        return any(_short(word) == _short(host.lower()) for word in words)


def _short(name: str) -> str:
    return name.partition(".")[0]
