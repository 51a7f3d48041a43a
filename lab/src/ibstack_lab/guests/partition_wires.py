# SPDX-License-Identifier: Apache-2.0
"""Wires for IPoIB: a bridge for each partition key, and who may be on it.

The kernel of the machine that the lab runs on knows no IPoIB.  What leads from an interface to the
fabric, here called a wire, lies in a namespace of the lab: a tap for a guest's `ib0`
(ipoib_links.py), one end of a veth pair for a child interface of a host's adapter.  What the wire
stands for is in its alias.  It becomes a port of a bridge as long as the *observed* P_Key table of
the port that it stands for has the entry, and for no other reason.  A limited member is an isolated
port: it reaches full members only, as the wires of a fabric have it (IBTA vol 1, 10.9.3; isolated
ports: bridge(8)).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.partition import PartitionKey
from ibstack.fabric.pci import PciAddress
from ibstack_lab.guests.namespaces import ip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ibstack.fabric.partition import TableEntry
    from ibstack_lab.hosts.vports import GuestPort

_WIRE: Final = "ib"
_BRIDGE: Final = "pk"
_LONGEST_NAME: Final = 15
"""Of an interface: IFNAMSIZ of linux/if.h, without the final zero byte."""
SHORT_ID: Final = 8
"""Digits of a port's id in the names of its guest: enough for one lab."""

IPOIB_MTU: Final = 2044
"""Bytes: IPoIB's in datagram mode on links of 2048 (RFC 4391 section 7)."""
WIRE_MTU: Final = 65520
"""Bytes, IPoIB's most, in connected mode: what limits a packet is the interfaces, not the wires."""


@dataclass(frozen=True, slots=True)
class StandsFor:
    """Which IPoIB interface a wire leads to."""

    host: str
    pci: PciAddress
    """Of the function whose port it uses: a VF, or the physical function."""
    key: PartitionKey | None = None
    """Of a child interface; None: the function's own ib0."""

    def __str__(self) -> str:
        return " ".join(str(each) for each in (self.host, self.pci, self.key) if each is not None)

    @classmethod
    def parse(cls, text: str) -> StandsFor:
        """Read what str() wrote; BadValue for anything else."""
        words = text.split()
        if len(words) not in (2, 3):
            raise BadValue("alias of a wire", text, "expected HOST PCI [KEY]")
        key = PartitionKey.parse(words[2]) if len(words) == len(("host", "pci", "key")) else None
        return cls(words[0], PciAddress.parse(words[1]), key)

    def entry(self, port: GuestPort | None) -> TableEntry | None:
        """Return the entry with which the interface is on the fabric; None where it is not.

        *port*: what is observed of the port that it uses, None where there is none.
        """
        if port is None or not port.active:
            return None
        if self.key is None:
            # drivers/infiniband/ulp/ipoib/ipoib_main.c, ipoib_add_port(): index 0, nowhere else.
            return port.table[0] if port.table else None
        held = [entry for entry in port.table if entry and entry.partition == self.key]
        # Linux takes the full one of two (drivers/infiniband/core/cache.c, ib_find_cached_pkey).
        return max(held, key=lambda entry: entry.full_member, default=None)


def wire_name(port_id: str) -> str:
    """Return the name of the wire of a Neutron port, as short as an interface's must be."""
    return (_WIRE + port_id)[:_LONGEST_NAME]


def is_wire(name: str) -> bool:
    return name.startswith(_WIRE)


def beginning_of_port_id(wire: str) -> str:
    """Return the first SHORT_ID digits of the id of the port that *wire* was named after."""
    return wire.removeprefix(_WIRE)[:SHORT_ID]


def bridge_name(key: PartitionKey) -> str:
    return f"{_BRIDGE}{key.base:04x}"


def key_of_bridge(name: str) -> PartitionKey:
    """Read what bridge_name() wrote; ValueError for anything else."""
    if not name.startswith(_BRIDGE):
        raise ValueError(f"no bridge of a partition: {name}")
    return PartitionKey(int(name.removeprefix(_BRIDGE), 16))


def remove_wire(wires: str, wire: str) -> None:
    """Remove *wire*; harmless where it is gone."""
    shown = ip("-n", wires, "-j", "link", "show", doing="look for a wire")
    if wire in [link["ifname"] for link in json.loads(shown or "[]")]:
        ip("-n", wires, "link", "del", wire, doing=f"remove the wire {wire}")


def add_wire(wires: str, wire: str, leads_to: StandsFor, end: tuple[str, str]) -> None:
    """Make a veth pair: *wire* in the namespace *wires*, and its other *end*.

    *end*: a namespace, by its name or by the id of a process in it, and the interface's name.
    """
    namespace, name = end
    commands = (
        f"link add name {wire} mtu {WIRE_MTU} type veth"
        f" peer name {name} mtu {IPOIB_MTU} netns {namespace}",
        f'link set {wire} alias "{leads_to}"',
    )
    ip(
        *("-n", wires, "-batch", "-"),
        batch="\n".join(commands) + "\n",
        doing=f"wire {name} in {namespace}",
    )


@dataclass(frozen=True, slots=True)
class Wire:
    """A wire as it is: its bridge, and whether its port is isolated."""

    leads_to: StandsFor
    bridge: str | None
    isolated: bool


def changes(
    wires: Mapping[str, Wire], bridges: frozenset[str], wanted: Mapping[str, TableEntry | None]
) -> Iterator[str]:
    """Return the commands for `ip -batch` that make *wires* as *wanted*.

    *wires* and *wanted* are by the wires' names.  A wire that is on no bridge is down, so that its
    other end has no carrier, like an ib0 that cannot join the partition's broadcast group.
    """
    missing = {bridge_name(e.partition) for e in wanted.values() if e} - bridges
    for bridge in sorted(missing):
        yield f"link add name {bridge} type bridge forward_delay 0 mcast_snooping 0"
        yield f"link set {bridge} up"
    for name, wire in sorted(wires.items()):
        yield from _change(name, wire, wanted[name])


def _change(name: str, wire: Wire, entry: TableEntry | None) -> Iterator[str]:
    if entry is None:
        if wire.bridge is not None:
            yield f"link set {name} nomaster down"
        return
    bridge, isolated = bridge_name(entry.partition), not entry.full_member
    if wire.bridge == bridge and wire.isolated == isolated:
        return
    if wire.bridge is not None:
        yield f"link set {name} nomaster down"
    # Isolated, if at all, before the first frame.
    yield f"link set {name} master {bridge}"
    yield f"link set {name} type bridge_slave isolated {'on' if isolated else 'off'}"
    yield f"link set {name} up"
