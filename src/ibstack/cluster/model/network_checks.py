# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with networks, and with addresses and interfaces on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.addresses import address_of, network_of, prefix_of
from ibstack.cluster.model.index import ADDRESS, HARDWARE_ADDRESS, saying
from ibstack.cluster.model.naming import spoken
from ibstack.cluster.model.node_parts import ALIAS, VLAN
from ibstack.cluster.model.problem import Problem, error, warning
from ibstack.cluster.model.ranges import parse_range, range_fault
from ibstack.cluster.model.state import Draft
from ibstack.cluster.model.value import NO_MAC
from ibstack.fabric.partition import LAST_TENANT_KEY

if TYPE_CHECKING:
    import ipaddress
    from collections.abc import Iterator

    from ibstack.cluster.model.entity import Entity
    from ibstack.cluster.model.state import View

_LAST_SEGMENT: Final = {"VLAN": 4094, "VXLAN": 2**24 - 1}
_POINT_TO_POINT_BITS: Final = 31


def network_problems(view: View, entity: Entity) -> Iterator[Problem]:
    """Yield what is wrong with a network."""
    prefix = prefix_of(entity)
    if prefix is not None:
        yield from _prefix_problems(entity, prefix)
    yield from _segment_problems(entity)


def interface_problems(view: View, entity: Entity) -> Iterator[Problem]:
    """Yield what is wrong with an interface of a device."""
    yield from address_problems(view, entity)
    if entity.values.get("dhcp") and address_of(entity, "ip") is not None:
        yield warning(entity.path, "dhcp", "it has an address, and asks for one")
    yield from _member_problems(view, entity)
    separator = {VLAN: ".", ALIAS: ":"}.get(entity.type)
    if separator:
        yield from _below_problems(view, entity, separator)


def _prefix_problems(entity: Entity, prefix: ipaddress.IPv4Network) -> Iterator[Problem]:
    if address_of(entity, "baseaddress") != prefix.network_address:
        yield error(
            entity.path,
            "baseaddress",
            f"with {prefix.prefixlen} netmask bits the network begins at {prefix.network_address}",
        )
    broadcast = address_of(entity, "broadcastaddress")
    if broadcast is not None and broadcast != prefix.broadcast_address:
        yield error(
            entity.path, "broadcastaddress", f"that of {prefix} is {prefix.broadcast_address}"
        )
    gateway = address_of(entity, "gateway")
    if gateway is not None and gateway not in prefix:
        yield error(entity.path, "gateway", f"{gateway} is not in {prefix}")
    for start, end in (
        ("dynamicrangestart", "dynamicrangeend"),
        ("openstackallocpoolstart", "openstackallocpoolend"),
    ):
        yield from _pool_problems(entity, prefix, start, end)


def _pool_problems(
    entity: Entity, prefix: ipaddress.IPv4Network, start: str, end: str
) -> Iterator[Problem]:
    first, last = address_of(entity, start), address_of(entity, end)
    outside = [
        (name, address)
        for name, address in ((start, first), (end, last))
        if address is not None and address not in prefix
    ]
    for name, address in outside:
        yield error(entity.path, name, f"{address} is not in {prefix}")
    if (first is None) != (last is None):
        yield error(entity.path, start if first is None else end, "set both ends, or neither")
    elif not outside and first is not None and last is not None and first > last:
        yield error(entity.path, end, f"{last} is before the start, {first}")


def _segment_problems(entity: Entity) -> Iterator[Problem]:
    text = entity.text("openstackvlanrange")
    type_ = entity.text("openstacknetworktype")
    if not text:
        return
    fault = range_fault(text, 1, _LAST_SEGMENT.get(type_, LAST_TENANT_KEY.base))
    if fault:
        yield error(entity.path, "openstackvlanrange", fault)
        return
    segment = entity.values.get("openstackvlanid", 0)
    if segment and segment not in parse_range(text, 0, 2**24):
        yield warning(entity.path, "openstackvlanid", f"{segment} is not in the range {text}")


def address_problems(view: View, entity: Entity) -> Iterator[Problem]:
    """Yield what is wrong with the addresses of a device itself, or of an interface."""
    address = address_of(entity, ADDRESS)
    if address is not None:
        yield from _place_problems(view, entity, address)
        for other in _others(view, entity, ADDRESS, str(address)):
            yield error(entity.path, ADDRESS, f"{other} has {address} too")
    hardware_address = str(entity.values.get(HARDWARE_ADDRESS, NO_MAC))
    if hardware_address != NO_MAC:
        for other in _others(view, entity, HARDWARE_ADDRESS, hardware_address):
            yield error(entity.path, HARDWARE_ADDRESS, f"{other} has {hardware_address} too")


def _place_problems(
    view: View, entity: Entity, address: ipaddress.IPv4Address
) -> Iterator[Problem]:
    network = network_of(view, entity)
    prefix = prefix_of(network) if network is not None else None
    if network is None:
        yield warning(entity.path, "network", f"the network of {address} is not set")
    elif prefix is not None and address not in prefix:
        yield error(entity.path, ADDRESS, f"{address} is not in {network.name}, {prefix}")
    elif (
        prefix is not None
        and prefix.prefixlen < _POINT_TO_POINT_BITS
        and address in (prefix.network_address, prefix.broadcast_address)
    ):
        yield error(entity.path, ADDRESS, f"{address} is no host's address in {prefix}")


def _others(view: View, entity: Entity, what: str, text: str) -> Iterator[str]:
    """Yield the other devices that have the address, unless an edit left it as it was.

    What was committed was looked at then, and to look at it again in each commit of a long
    `foreach` would cost a look at all devices each time.
    """
    if isinstance(view, Draft) and entity.path in view.edits:
        known = view.base.get(entity.path)
        if known is not None and known.values.get(what) == text:
            return
    for device in dict.fromkeys(path.top for path in saying(view, (what, text))):
        if device != entity.path.top:
            yield spoken(device)


def _member_problems(view: View, entity: Entity) -> Iterator[Problem]:
    for name in entity.words("interfaces"):
        if name == entity.name:
            yield error(entity.path, "interfaces", "it cannot be made of itself")
        elif view.get(entity.path.renamed(name)) is None:
            yield error(entity.path, "interfaces", f"there is no interface {name}")
        for sibling in view.children(entity.path.parent, (entity.path.kind,)):
            if sibling.path != entity.path and name in sibling.words("interfaces"):
                yield error(entity.path, "interfaces", f"{name} is in {sibling.name} already")


def _below_problems(view: View, entity: Entity, separator: str) -> Iterator[Problem]:
    """Yield what is wrong with the name of one that lies on top of another, as eth0.5."""
    below, found, tag = entity.name.rpartition(separator)
    if not found or not below or not tag:
        yield error(
            entity.path, "networkdevicename", f"expected one as eth0{separator}1 for {entity.type}"
        )
        return
    if view.get(entity.path.renamed(below)) is None:
        yield error(entity.path, "networkdevicename", f"there is no interface {below}")
    tagged = entity.values.get("vlanid")
    if entity.type == VLAN and tagged is not None and str(tagged) != tag:
        yield error(entity.path, "vlanid", f"{tagged} is not that of the name, {tag}")
