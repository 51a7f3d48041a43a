# SPDX-License-Identifier: Apache-2.0
"""The address that a clone gets."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from ibstack.cluster.model.addresses import next_address
from ibstack.cluster.model.entity import Entity, EntityPath
from ibstack.cluster.model.state import Draft, State
from ibstack.cluster.model.value import NO_ADDRESS

if TYPE_CHECKING:
    from ibstack.cluster.model.value import Value

NETWORK = IPv4Network("10.0.0.16/28")
ADDRESSES = st.sampled_from([str(each) for each in NETWORK])


def node(number: int, address: str) -> Entity:
    path = EntityPath.of("device", f"node{number:03}")
    return Entity(path, "PhysicalNode", {"network": "net", "ip": address})


@settings(deadline=None)
@given(
    taken=st.lists(ADDRESSES, min_size=1, max_size=14, unique=True),
    edited=st.lists(st.tuples(st.integers(0, 20), ADDRESSES), max_size=6),
    gateway=ADDRESSES,
    dynamic=st.tuples(ADDRESSES, ADDRESSES),
    apart=st.integers(-20, 20),
)
def test_a_clone_gets_the_first_address_after_its_own_that_is_free(
    taken: list[str],
    edited: list[tuple[int, str]],
    gateway: str,
    dynamic: tuple[str, str],
    apart: int,
) -> None:
    low, high = sorted(dynamic, key=IPv4Address)
    values: dict[str, Value] = {"baseaddress": "10.0.0.16", "netmaskbits": 28, "gateway": gateway}
    values |= {"dynamicrangestart": low, "dynamicrangeend": high}
    network = Entity(EntityPath.of("network", "net"), "", values)
    draft = Draft(State([network, *(node(n, each) for n, each in enumerate(taken))], 1))
    for number, address in edited:
        draft.put(node(number, address))
    of = {device.values["ip"] for device in draft.children(None, ("device",))}
    old = node(500, taken[0])

    found = next_address(draft, old, "node500", f"node{500 + apart}")

    start = int(IPv4Address(taken[0])) - int(NETWORK[0]) + apart
    wanted = (NETWORK[(start + step) % NETWORK.num_addresses] for step in range(16))
    free = (
        str(each)
        for each in wanted
        if each not in (NETWORK[0], NETWORK[-1], IPv4Address(gateway))
        and not IPv4Address(low) <= each <= IPv4Address(high)
        and str(each) not in of
    )
    assert found == next(free, NO_ADDRESS)
