# SPDX-License-Identifier: Apache-2.0
"""What is said to the kernel to make an IPoIB child, byte for byte, and how it refuses."""

from __future__ import annotations

import struct
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.host.adapters.netlink import attributes, messages

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pyroute2.netlink import nlsocket

    from ibstack.fabric.ipoib import IpoibMode
    from ibstack.neutron.agents.ipoib_link import LinkFailed, link_local, make_child
    from neutron import privileged  # type: ignore[attr-defined]  # mypy takes tests/neutron.

if TYPE_CHECKING:
    from collections.abc import Iterator

# include/uapi/linux/rtnetlink.h, if_link.h
RTM_NEWLINK = 16
IFLA_IFNAME, IFLA_LINK, IFLA_LINKINFO = 3, 5, 18
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_IPOIB_PKEY, IFLA_IPOIB_MODE = 1, 2
IFINFO_BYTES = 16
LOOPBACK_INDEX = 1
RED = TableEntry(PartitionKey(1), full_member=True)


class Recorder:
    """Every message that pyroute2 hands to its socket; each goes on to the kernel."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._send = nlsocket.NetlinkRequest.send

    async def send(self, request: Any) -> Any:
        answer = await self._send(request)
        self.sent.append(bytes(request.msg.data))
        return answer

    def new_links(self) -> list[dict[int, bytes]]:
        """Return the attributes of each RTM_NEWLINK."""
        found = [one for data in self.sent for one in messages(data)]
        return [
            dict(attributes(body[IFINFO_BYTES:])) for kind, _, body in found if kind == RTM_NEWLINK
        ]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    recorder = Recorder()

    async def send(request: Any) -> Any:
        return await recorder.send(request)

    monkeypatch.setattr(nlsocket.NetlinkRequest, "send", send)
    before = privileged.default.client_mode
    privileged.default.set_client_mode(False)
    yield recorder
    privileged.default.set_client_mode(before)


@pytest.mark.parametrize(("mode", "number"), [(IpoibMode.DATAGRAM, 0), (IpoibMode.CONNECTED, 1)])
@pytest.mark.parametrize("full_member", [True, False])
def test_a_child_is_asked_for_as_the_kernel_reads_it(
    recorder: Recorder, mode: IpoibMode, number: int, full_member: bool
) -> None:
    entry = TableEntry(PartitionKey(0x123), full_member)
    # The loopback interface is no InfiniBand adapter, so whatever kernel this is refuses.
    with pytest.raises(LinkFailed, match=r"cannot make IPoIB interface tapx, child of lo with"):
        make_child("lo", "tapx", entry, mode)

    (link,) = recorder.new_links()
    assert link[IFLA_IFNAME] == b"tapx\0"
    assert struct.unpack("=I", link[IFLA_LINK]) == (LOOPBACK_INDEX,)
    info = dict(attributes(link[IFLA_LINKINFO]))
    assert info[IFLA_INFO_KIND].rstrip(b"\0") == b"ipoib"
    data = dict(attributes(info[IFLA_INFO_DATA]))
    assert data == {
        IFLA_IPOIB_PKEY: struct.pack("=H", 0x8123),
        IFLA_IPOIB_MODE: struct.pack("=H", number),
    }


def test_a_parent_that_is_missing_is_said(recorder: Recorder) -> None:
    with pytest.raises(LinkFailed, match="Network interface ib99 not found"):
        make_child("ib99", "tapx", RED, IpoibMode.DATAGRAM)

    assert recorder.new_links() == []


@pytest.mark.parametrize(
    ("guid", "address"),
    [
        # RFC 4391 section 8: the EUI-64 of the GUID, with the universal bit set.
        ("0x0002c90300000041", "fe80::202:c903:0:41/64"),
        ("0x0202c90300000041", "fe80::202:c903:0:41/64"),
        ("0xfa163e0000aabbcc", "fe80::fa16:3e00:aa:bbcc/64"),
    ],
)
def test_the_link_local_address_is_made_of_the_guid(guid: str, address: str) -> None:
    assert link_local(Guid.parse(guid)) == address
