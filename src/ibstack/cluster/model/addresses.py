# SPDX-License-Identifier: Apache-2.0
"""The addresses of a network: which there are, which are taken, and the next one that is free."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.index import ADDRESS, first_free
from ibstack.cluster.model.value import NO_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.state import View

_NETMASK_BITS: Final = 16
_NUMBERED: Final = re.compile(r"(.*?)([0-9]+)")


def address_of(entity: Entity, name: str) -> ipaddress.IPv4Address | None:
    """Return the address that the property holds; None for none."""
    text = str(entity.values.get(name, NO_ADDRESS))
    return None if text == NO_ADDRESS else ipaddress.IPv4Address(text)


def prefix_of(network: Entity) -> ipaddress.IPv4Network | None:
    """Return the network's prefix; None while it has no base address."""
    base = str(network.values.get("baseaddress", NO_ADDRESS))
    bits = network.values.get("netmaskbits", _NETMASK_BITS)
    return None if base == NO_ADDRESS else _prefix(f"{base}/{bits}")


@lru_cache
def _prefix(text: str) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(text, strict=False)


def network_of(view: View, entity: Entity) -> Entity | None:
    """Return the network object that a device or an interface is on."""
    name = entity.values.get("network")
    return view.get(EntityPath.of("network", str(name))) if name else None


def next_address(view: View, entity: Entity, old_name: str, new_name: str) -> str:
    """Return a free address for the copy *new_name* of *old_name*, which has *entity*'s address.

    As far from the old one as the names' numbers are apart (node001 and node003: two), or the
    first free one after that.  NO_ADDRESS where the network has none, or it is not known.
    """
    old = address_of(entity, ADDRESS)
    network = network_of(view, entity)
    prefix = prefix_of(network) if network else None
    if old is None or network is None or prefix is None:
        return NO_ADDRESS
    first, size = int(prefix.network_address), prefix.num_addresses
    start = first + (int(old) - first + _distance(old_name, new_name)) % size
    reserved = _reserved(network, prefix)
    after, before = range(start, first + size), range(first, start)
    found = first_free(view, chain(_without(reserved, after), _without(reserved, before)))
    return NO_ADDRESS if found is None else str(ipaddress.IPv4Address(found))


def _distance(old_name: str, new_name: str) -> int:
    old, new = _NUMBERED.fullmatch(old_name), _NUMBERED.fullmatch(new_name)
    if old is None or new is None or old[1] != new[1]:
        return 1
    return int(new[2]) - int(old[2])


def _without(reserved: list[tuple[int, int]], numbers: range) -> Iterator[int]:
    """Yield *numbers* but for those that are reserved."""
    low = numbers.start
    for first, last in sorted(reserved):
        yield from range(low, min(first, numbers.stop))
        low = max(low, last + 1)
    yield from range(low, numbers.stop)


def _reserved(network: Entity, prefix: ipaddress.IPv4Network) -> list[tuple[int, int]]:
    """Return the first and last of the addresses that no node may have."""
    ends = [
        (prefix.network_address, prefix.network_address),
        (prefix.broadcast_address, prefix.broadcast_address),
        (address_of(network, "gateway"), address_of(network, "gateway")),
        (address_of(network, "dynamicrangestart"), address_of(network, "dynamicrangeend")),
    ]
    return [(int(low), int(high)) for low, high in ends if low is not None and high is not None]
