# SPDX-License-Identifier: Apache-2.0
"""A multicast group, as subnet administration keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ipaddress import IPv6Address

    from ibstack.fabric.partition import PartitionKey

VALUE: Final = 0x3F
"""Of an MTU or a rate in a record of a group; the two bits above say how it is compared."""


@dataclass(frozen=True, slots=True)
class MulticastGroup:
    """One group.  MTU and rate are IBTA's codes; None: not known."""

    mgid: IPv6Address
    key: PartitionKey
    mtu: int | None
    """1 to 5: 256 to 4096 bytes."""
    rate: int | None
    """2 to 22."""
    sl: int
    q_key: int | None = None
    tclass: int | None = None
    flow_label: int | None = None
    sl_without_qos: int = 0
    """What a file asks for where OpenSM runs without QoS."""

    def __str__(self) -> str:
        return f"{self.mgid} of {self.key}"
