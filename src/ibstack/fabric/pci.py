# SPDX-License-Identifier: Apache-2.0
"""PCI addresses: how nova and the kernel name a virtual function."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ADDRESS = re.compile(r"([0-9a-f]{4,8}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])")


@dataclass(frozen=True, order=True, slots=True)
class PciAddress:
    """A function of a PCI device: domain, and the 16-bit routing id of bus, device, function.

    The routing id orders functions as SR-IOV numbers them, so that a run of VFs is a run of
    numbers (PCI Express Base Specification, 9.2.1.2).
    """

    domain: int
    routing_id: int

    def __post_init__(self) -> None:
        if not (0 <= self.domain < 1 << 32 and 0 <= self.routing_id < 1 << 16):
            raise BadValue("PCI address", f"{self.domain:x}, {self.routing_id:x}", "out of range")

    @classmethod
    def parse(cls, text: str) -> PciAddress:
        """Read 0000:05:00.1."""
        found = _ADDRESS.fullmatch(text.strip().lower())
        if found is None:
            raise BadValue("PCI address", text, "expected domain:bus:device.function")
        domain, bus, device, function = (int(part, 16) for part in found.groups())
        return cls(domain, bus << 8 | device << 3 | function)

    def __str__(self) -> str:
        bus, rest = divmod(self.routing_id, 256)
        device, function = divmod(rest, 8)
        return f"{self.domain:04x}:{bus:02x}:{device:02x}.{function}"


_MOST: Final = 1 << 16
_SHOWN: Final = 80


def fold(addresses: Iterable[PciAddress]) -> str:
    """Return runs as FIRST-LAST, joined by commas: a hundred VFs fit into a few characters.

    Neutron keeps an agent's configurations in 4095 characters (neutron/db/models/agent.py).
    """
    runs: list[list[PciAddress]] = []
    for address in sorted(set(addresses)):
        if runs and address == _next(runs[-1][-1]):
            runs[-1][1:] = [address]
        else:
            runs.append([address])
    return ",".join("-".join(str(end) for end in run) for run in runs)


def unfold(text: str) -> frozenset[PciAddress]:
    """Read what fold() wrote; BadValue for more addresses than one domain has."""
    runs = (address for run in text.split(",") if run for address in _run(run))
    found = tuple(itertools.islice(runs, _MOST + 1))
    if len(found) > _MOST:
        raise BadValue("PCI addresses", text[:_SHOWN], f"more than {_MOST} of them")
    return frozenset(found)


def _run(text: str) -> Iterator[PciAddress]:
    first, _, last = text.partition("-")
    start, end = PciAddress.parse(first), PciAddress.parse(last or first)
    if start.domain != end.domain or start > end:
        raise BadValue("run of PCI addresses", text, "expected FIRST-LAST within one domain")
    for routing_id in range(start.routing_id, end.routing_id + 1):
        yield PciAddress(start.domain, routing_id)


def _next(address: PciAddress) -> PciAddress | None:
    if address.routing_id == 0xFFFF:
        return None
    return PciAddress(address.domain, address.routing_id + 1)
