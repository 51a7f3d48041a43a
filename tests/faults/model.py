# SPDX-License-Identifier: Apache-2.0
"""What Neutron and the hosts were told in a walk: the oracle.  Plain Python, nothing of ibstack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL: Final = 0x8000
"""The bit of a full member (IBTA vol 1, 10.9.1.1)."""


class Place(NamedTuple):
    """A VF: its host, and its number counted from 0."""

    host: str
    vf: int

    def __str__(self) -> str:
        return f"{self.host} VF {self.vf}"


def guid_of(mac: str) -> int:
    """Return the GUID of a port with *mac*: its six bytes with 00:00 in the middle."""
    digits = mac.replace(":", "")
    return int(f"{digits[:6]}0000{digits[6:]}", 16)


@dataclass
class Port:
    """A Neutron port, and the VFs that were given to it."""

    mac: str
    key: int
    """Its network's partition key, 15 bits."""
    meant_for: Place
    exists: bool = False
    """Created, and not deleted."""
    bound_to: Place | None = None
    up: bool = True
    """admin_state_up."""
    plugged: set[Place] = field(default_factory=set)

    def __str__(self) -> str:
        return f"port {self.mac} of 0x{self.key:04x}"

    @property
    def is_member(self) -> bool:
        """Neutron gives it to its partition, plugged or not."""
        return self.exists and self.up and self.bound_to is not None

    @property
    def is_live(self) -> bool:
        """It is to be ACTIVE."""
        return self.is_member and self.bound_to in self.plugged


@dataclass
class Model:
    """Every port of a walk that Neutron or a host still knows."""

    mlx4_hosts: frozenset[str]
    """Where all VFs share the physical port's table."""
    ports: list[Port] = field(default_factory=list)
    macs: set[str] = field(default_factory=set)
    """All that there ever were."""
    served: frozenset[int] = frozenset()
    """The partition keys of the networks that have DHCP."""
    dhcp_host: str = ""
    """Which serves it by its physical port, as a member of each of their partitions."""

    def add(self, port: Port) -> None:
        assert port.mac not in self.macs
        self.macs.add(port.mac)
        self.ports.append(port)

    def drop(self, port: Port) -> None:
        """Forget a port that is deleted and unplugged."""
        if not port.exists and not port.plugged:
            self.ports.remove(port)

    @property
    def taken(self) -> set[Place]:
        """The VFs that are bound, plugged, or meant for somebody."""
        return {place for port in self.ports for place in self._of(port)}

    def at(self, place: Place) -> Port | None:
        """Return the port that a VF was given to."""
        return next((port for port in self.ports if place in port.plugged), None)

    def keys_of_host(self, host: str) -> set[int]:
        """Return the entries that the physical port of an mlx4 host is to hold, 16 bits each."""
        own = {key | FULL for key in self.served if host == self.dhcp_host}
        return own | {
            port.key | FULL
            for port in self.ports
            if port.is_member and port.bound_to is not None and port.bound_to.host == host
        }

    @staticmethod
    def _of(port: Port) -> Iterator[Place]:
        yield from port.plugged
        if port.bound_to is not None and port.exists:
            yield port.bound_to
        elif port.bound_to is None:
            yield port.meant_for
