# SPDX-License-Identifier: Apache-2.0
"""The kernel itself judges our messages; a driver that keeps state judges their meaning."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.host.adapters import netlink
from ibstack.host.adapters.netlink import LINK_AUTO, Netlink, NetlinkFailed, VfInfo
from vport_driver import INTERFACE_INDEX, NETLINK_USERSOCK, VportDriver

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOPBACK = socket.if_nametoindex("lo")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may set a VF's GUID")


@pytest.fixture
def driver() -> Iterator[VportDriver]:
    with VportDriver(vfs=100) as serving:
        yield serving


def way_to(driver: VportDriver, index: int = INTERFACE_INDEX) -> Netlink:
    return Netlink(index, protocol=NETLINK_USERSOCK, peer=driver.port_id)


@as_root
def test_the_kernel_reads_our_guid_and_says_that_loopback_has_no_vfs() -> None:
    with pytest.raises(NetlinkFailed, match=r"kernel 5\.6") as failed:
        Netlink(LOOPBACK).set_guids(0, 0xFA163E0000000001)

    assert failed.value.number == errno.EOPNOTSUPP, "EINVAL would mean that it was not understood"


@as_root
def test_the_kernel_reads_our_link_policy_and_says_that_loopback_has_no_vfs() -> None:
    with pytest.raises(NetlinkFailed) as failed:
        Netlink(LOOPBACK).set_link(0, LINK_AUTO)

    assert failed.value.number == errno.EOPNOTSUPP


@as_root
def test_the_kernel_refuses_a_guid_that_is_cut_short() -> None:
    # The judge can say no: without this, EOPNOTSUPP above would prove little.
    cut = netlink.attribute(10, struct.pack("=I", 0))

    with pytest.raises(NetlinkFailed) as failed:
        Netlink(LOOPBACK)._set(cut, "set half a GUID")
    assert failed.value.number in (errno.EINVAL, errno.ERANGE)


def test_the_kernel_says_that_loopback_has_no_vfs_to_read() -> None:
    assert Netlink(LOOPBACK).read() == {}


def test_an_interface_that_is_not_there_is_an_error() -> None:
    with pytest.raises(NetlinkFailed, match="No such device"):
        Netlink(999_999).read()


def test_what_was_set_is_read_back_for_a_hundred_functions(driver: VportDriver) -> None:
    way = way_to(driver)
    for number in range(100):
        way.set_guids(number, 0xFA163E0000000000 + number)
    way.set_link(99, LINK_AUTO)

    guid = 0xFA163E0000000000 + 99
    assert len(way.read()) == 100
    assert way.read()[99] == VfInfo(99, node_guid=guid, port_guid=guid, link=LINK_AUTO)


def test_the_drivers_no_is_told_with_its_reason(driver: VportDriver) -> None:
    with pytest.raises(NetlinkFailed, match=r"cannot set the GUID of VF 100 .*Invalid argument"):
        way_to(driver).set_guids(100, 1)
    with pytest.raises(NetlinkFailed, match="No such device"):
        way_to(driver, index=3).read()


@given(st.binary(max_size=200))
def test_any_bytes_can_be_taken_apart(data: bytes) -> None:
    for _kind, value in netlink.attributes(data):
        assert len(value) <= len(data)
    for _kind, _sequence, body in netlink.messages(data):
        assert len(body) <= len(data)


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=30)), max_size=6))
def test_attributes_survive_the_way_there_and_back(pairs: list[tuple[int, bytes]]) -> None:
    data = b"".join(netlink.attribute(kind, value) for kind, value in pairs)

    assert list(netlink.attributes(data)) == pairs
