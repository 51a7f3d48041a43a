# SPDX-License-Identifier: Apache-2.0
"""Guests' ib0 on the partitions' bridges: real taps, bridges, pings, and the process between."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from wired_guests import (
    FULL,
    LIMITED,
    OTHER,
    WiredGuests,
    address,
    carrier,
    output,
    reaches,
    wait_until,
)

if TYPE_CHECKING:
    from ibstack_lab.guests.guest import Guest

pytestmark = pytest.mark.real


def wait_for_carrier(*guests: Guest, wanted: bool = True) -> None:
    wait_until(f"carrier is {wanted}", lambda: all(carrier(each) is wanted for each in guests))


def test_who_has_no_entry_has_no_carrier_and_members_reach_each_other(wired: WiredGuests) -> None:
    one, two, three = wired.static(1), wired.static(2, FULL), wired.static(3, OTHER)
    wait_for_carrier(two, three)
    assert not carrier(one)

    wired.observe(1, FULL)
    wait_for_carrier(one)

    assert reaches(one, address(2))
    assert reaches(two, address(1))
    assert not reaches(one, address(3))
    assert not reaches(three, address(2))


def test_limited_members_reach_full_ones_and_not_each_other(wired: WiredGuests) -> None:
    full, first, second = (
        wired.static(1, FULL),
        wired.static(2, LIMITED),
        wired.static(3, LIMITED),
    )
    wait_for_carrier(full, first, second)

    assert reaches(full, address(2))
    assert reaches(second, address(1))
    assert not reaches(first, address(3))


def test_a_key_that_goes_takes_the_carrier_and_another_one_is_shown(wired: WiredGuests) -> None:
    one, two = wired.static(1, FULL), wired.static(2, FULL)
    wait_for_carrier(one, two)
    assert reaches(one, address(2))

    wired.observe(2)
    wait_for_carrier(two, wanted=False)
    assert not reaches(one, address(2))

    wired.observe(2, OTHER)
    wait_for_carrier(two)
    assert output(two, "cat", "/sys/class/net/ib0/pkey") == "0x8002\n"
    assert "12:40:1b:80:02:" in output(two, "ip", "link", "show", "ib0")
    assert not reaches(one, address(2))


def test_packets_of_the_whole_mtu_pass_and_none_that_is_larger(wired: WiredGuests) -> None:
    one, _two = wired.static(1, FULL), wired.static(2, FULL)
    wait_for_carrier(one, _two)

    assert reaches(one, address(2), "-Mdo", "-s2016")
    assert not reaches(one, address(2), "-Mdo", "-s2017")


def test_a_guest_sends_by_way_of_another_one(wired: WiredGuests) -> None:
    one, two = wired.static(1, FULL), wired.static(2, FULL)
    wait_for_carrier(one, two)
    output(two, "ip", "address", "add", "10.10.0.1/32", "dev", "lo")
    assert not reaches(one, "10.10.0.1")

    output(one, "ip", "route", "add", "10.10.0.0/24", "via", address(2))

    assert reaches(one, "10.10.0.1")


def test_neighbours_are_found_by_ipv6_as_well(wired: WiredGuests) -> None:
    one, two = wired.static(1, FULL), wired.static(2, FULL)
    wait_for_carrier(one, two)
    for guest, number in ((one, 1), (two, 2)):
        output(guest, *f"ip address add fd00::{number}/64 dev ib0 nodad".split())

    assert reaches(one, "fd00::2")
    assert reaches(two, "fd00::1")


def test_a_process_that_was_killed_takes_the_carrier_and_finds_all_links_again(
    wired: WiredGuests,
) -> None:
    one, two = wired.static(1, FULL), wired.static(2, FULL)
    wait_for_carrier(one, two)

    wired.links.signal(signal.SIGKILL)
    wait_for_carrier(one, two, wanted=False)

    wired.links.start()
    wait_for_carrier(one, two)
    assert reaches(one, address(2))


def test_a_guest_that_is_removed_leaves_no_wire_and_may_come_again(wired: WiredGuests) -> None:
    one, two = wired.static(1, FULL), wired.static(2, FULL)
    wait_for_carrier(one, two)

    two.stop()
    assert two.namespace not in wired.namespaces.all()
    assert not reaches(one, address(2))

    two.start(f"{address(2)}/24")
    wait_for_carrier(two)
    # The kernel asks for a neighbour that did not answer a second later.
    wait_until("it is heard again", lambda: reaches(one, address(2)))
