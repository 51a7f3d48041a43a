# SPDX-License-Identifier: Apache-2.0
"""When a port that stays DOWN is told of again: soon, then more seldom, together with others."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_PARTITION, TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack.host.agent.plan import Binding, DesiredPort
from ibstack.host.agent.still_down import StillDown

PORT = DesiredPort(
    id="port-1",
    mac="fa:16:3e:00:00:01",
    guid=Guid.from_mac("fa:16:3e:00:00:01"),
    pci=PciAddress.parse("0000:05:00.1"),
    physical_network="ib",
    entry=TableEntry(DEFAULT_PARTITION, full_member=False),
    admin_state_up=True,
    binding=Binding.ACTIVE,
    is_active=False,
    revision=1,
)
OTHER = replace(PORT, id="port-2")
BOTH = {PORT.id: ("DHCP",), OTHER.id: ("DHCP",)}


def times_until(limit_s: float) -> list[float]:
    """Return when a port that never becomes ACTIVE is told of."""
    ports, now, times = StillDown(), 0.0, []
    while now < limit_s:
        times.append(now)
        ports.told([PORT], {PORT.id: ()}, now)
        now = ports.next_at(())
        assert ports.due(math.nextafter(now, 0), ()) == []
        assert ports.due(now, ()) == [PORT]
    return times


def test_it_is_told_again_soon_and_then_ever_more_seldom() -> None:
    assert times_until(125) == [0, 1, 3, 7, 15, 31, 61, 91, 121]


def test_an_active_port_is_not_told_again() -> None:
    ports = StillDown()
    ports.told([PORT], BOTH, 0)
    ports.told([PORT], {}, 1)

    assert ports.due(1000, ()) == []
    assert ports.next_at(()) == math.inf


def test_one_that_is_due_soon_goes_with_one_that_is_due() -> None:
    ports = StillDown()
    ports.told([PORT], BOTH, 0)
    ports.told([OTHER], BOTH, 0.4)

    assert ports.due(0.95, ()) == []
    assert ports.due(1, ()) == [PORT, OTHER]


def test_one_that_is_being_told_is_left_out() -> None:
    ports = StillDown()
    ports.told([PORT, OTHER], BOTH, 0)

    assert ports.due(5, {PORT.id}) == [OTHER]
    assert ports.next_at({PORT.id, OTHER.id}) == math.inf


@pytest.mark.parametrize("now_ready", [(), (replace(PORT, revision=2),), (OTHER,)])
def test_only_the_same_port_is_kept(now_ready: tuple[DesiredPort, ...]) -> None:
    ports = StillDown()
    ports.told([PORT], BOTH, 0)
    ports.keep(now_ready)

    assert ports.due(1000, ()) == []


def test_many_are_one_line_and_each_is_said_once() -> None:
    many = [replace(PORT, id=f"port-{number}") for number in range(5)]
    down = {port.id: ("DHCP", "IB_FABRIC") for port in many}
    ports = StillDown()

    said = [line for now in (0, 10, 40, 100, 500) for line in ports.told(many, down, now)]

    assert said == [
        "cannot make port port-0, port-1, port-2 and 2 more ACTIVE: programmed here 30 s ago, and"
        " Neutron waits for DHCP (the network's DHCP agent) and IB_FABRIC (ibstack-fabricd of the"
        " master subnet manager)"
    ]


def test_a_port_that_waits_for_nothing_is_named_too() -> None:
    ports = StillDown()
    ports.told([PORT], {PORT.id: ()}, 0)

    (line,) = ports.told([PORT], {PORT.id: ()}, 30)

    assert "nothing that it names" in line
