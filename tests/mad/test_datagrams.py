# SPDX-License-Identifier: Apache-2.0
"""Encoding and decoding: what is asked is what goes out, and nothing that comes in surprises."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.mad import datagrams
from ibstack.mad.datagrams import (
    DATA_LENGTH,
    LENGTH,
    Attribute,
    MalformedDatagram,
    NodeType,
    PortState,
    SmState,
)

TRANSACTIONS = st.integers(0, 0xFFFFFFFF)
ATTRIBUTES = st.sampled_from(Attribute)
MODIFIERS = st.integers(0, 0xFFFFFFFF)
ROUTES = st.lists(st.integers(1, 254), max_size=datagrams.MOST_HOPS).map(tuple)
DATA = st.binary(min_size=DATA_LENGTH, max_size=DATA_LENGTH)


def answered(request: bytes, data: bytes, status: int = 0) -> bytes:
    """Return what a port would answer to *request*."""
    answer = bytearray(request)
    answer[3] = 0x81
    answer[4:6] = status.to_bytes(2, "big")
    answer[64:128] = data
    return bytes(answer)


@given(ATTRIBUTES, MODIFIERS, TRANSACTIONS, st.none() | ROUTES, DATA, st.integers(0, 0x7FFF))
def test_the_answer_to_a_request_says_what_was_asked(
    attribute: Attribute,
    modifier: int,
    transaction: int,
    route: tuple[int, ...] | None,
    data: bytes,
    status: int,
) -> None:
    request = datagrams.encode_get(attribute, modifier, transaction, route=route)
    assert len(request) == LENGTH
    assert datagrams.decode_answer(request) is None, "a request is no answer"
    assert datagrams.transaction_of(request) == transaction
    answer = datagrams.decode_answer(answered(request, data, status))
    assert answer is not None
    assert answer.transaction == transaction
    assert (answer.attribute, answer.modifier) == (attribute, modifier)
    assert (answer.status, answer.data) == (status, data)


def test_the_direction_bit_of_a_directed_answer_is_no_status() -> None:
    request = datagrams.encode_get(Attribute.NODE_INFO, 0, 1, route=(1, 2))
    answer = datagrams.decode_answer(answered(request, bytes(64), 0x8000))
    assert answer is not None
    assert answer.status == 0


def test_a_directed_request_is_laid_out_as_the_specification_has_it() -> None:
    raw = datagrams.encode_get(Attribute.PKEY_TABLE, 0x30001, 7, route=(1, 4), m_key=0xABCD)
    assert raw[:8] == bytes([1, 0x81, 1, 1, 0, 0, 0, 2])
    assert raw[8:16] == (7).to_bytes(8, "big")
    assert raw[16:24] == bytes([0, 0x16, 0, 0, 0, 3, 0, 1])
    assert raw[24:32] == (0xABCD).to_bytes(8, "big")
    assert raw[32:36] == b"\xff" * 4
    assert raw[128:132] == bytes([0, 1, 4, 0])


def test_a_lid_routed_request_has_no_path() -> None:
    raw = datagrams.encode_get(Attribute.PORT_INFO, 1, 7, route=None)
    assert raw[1] == 0x01
    assert not any(raw[32:])


def test_a_route_of_more_than_63_hops_is_refused() -> None:
    with pytest.raises(BadValue, match="at most 63 hops"):
        datagrams.encode_get(Attribute.NODE_INFO, 0, 1, route=(1,) * 64)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_header_reader_fail(raw: bytes) -> None:
    datagrams.decode_answer(raw)


@given(
    st.sampled_from(
        [
            datagrams.decode_node_info,
            datagrams.decode_port_info,
            datagrams.decode_switch_info,
            datagrams.decode_sm_info,
            datagrams.decode_node_description,
            datagrams.decode_pkey_block,
        ]
    ),
    DATA | st.binary(max_size=80),
)
def test_any_bytes_are_a_value_or_malformed(decode: object, data: bytes) -> None:
    with contextlib.suppress(MalformedDatagram):
        decode(data)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("flags", "can"), [(0xC0, True), (0xF0, True), (0x80, False), (0x40, False), (0x30, False)]
)
def test_a_switch_can_enforce_partitions_where_it_can_both_ways(flags: int, can: bool) -> None:
    # 64 entries for each external port; byte 16 holds the capabilities, the highest bit first.
    data = bytearray(64)
    data[14:17] = bytes([0, 64, flags])

    info = datagrams.decode_switch_info(bytes(data))

    assert (info.enforcement_cap, info.can_enforce) == (64, can)


@given(st.lists(st.integers(0, 0xFFFF), min_size=32, max_size=32))
def test_a_block_of_the_table_is_its_32_entries(raw: list[int]) -> None:
    block = datagrams.decode_pkey_block(struct.pack(">32H", *raw))
    assert block == tuple(TableEntry.from_wire(each) for each in raw)


@given(st.integers(0, 0xFFFF), st.integers(0, 255))
def test_a_table_modifier_names_block_and_switch_port(block: int, port: int) -> None:
    modifier = datagrams.pkey_modifier(block, port)
    assert (modifier & 0xFFFF, modifier >> 16) == (block, port)


# Seen on ibsim 0.10 with OpenSM 3.3.23: the article's head and its switch.
NODE_INFO = bytes.fromhex(
    "01010101 0002c90300000010 0002c90300000010 0002c90300000011 0040 0000 000000a1 01000000"
).ljust(64, b"\0")
PORT_INFO = bytes.fromhex(
    "0000000000000000 fe80000000000000 0001 0001 0050c04a 0000 0ff9"
    " 01 02 1f 02 74 52 00 11 40 40 00 08 08 04 e0 4c"
).ljust(64, b"\0")


def test_a_node_is_read_as_ibsim_sends_it() -> None:
    info = datagrams.decode_node_info(NODE_INFO)
    assert info.node_type is NodeType.CHANNEL_ADAPTER
    assert info.ports == 1
    assert info.node_guid == Guid(0x0002C90300000010)
    assert info.port_guid == Guid(0x0002C90300000011)
    assert (info.partition_cap, info.local_port) == (64, 1)


def test_a_port_is_read_as_ibsim_sends_it() -> None:
    info = datagrams.decode_port_info(PORT_INFO)
    assert (info.lid, info.sm_lid, info.local_port) == (1, 1, 1)
    assert info.state is PortState.ACTIVE
    assert info.link_up
    assert info.is_sm
    assert (info.enforces_inbound, info.enforces_outbound) == (True, True)


@pytest.mark.parametrize(
    ("flags", "can"), [("30", False), ("f0", True), ("b0", False), ("70", False)]
)
def test_a_switch_says_whether_it_can_enforce_partitions(flags: str, can: bool) -> None:
    # As ibsim sends it (30), and with the bits for what comes in and for what goes out.
    data = bytes.fromhex(f"78000000 0400 0005000000900000 0040 {flags} 000000").ljust(64, b"\0")
    info = datagrams.decode_switch_info(data)
    assert (info.enforcement_cap, info.multicast_cap, info.can_enforce) == (64, 1024, can)


def test_a_subnet_manager_is_read() -> None:
    data = bytes.fromhex("0002c90300000011 0000000000000001 00000088 a3").ljust(64, b"\0")
    info = datagrams.decode_sm_info(data)
    assert info.guid == Guid(0x0002C90300000011)
    assert (info.state, info.priority, info.activity) == (SmState.MASTER, 10, 0x88)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"node002 HCA-1", "node002 HCA-1"),
        (b"", ""),
        (b"caf\xc3\xa9\0rest", "café"),
        (b"bad\xff", "bad\N{REPLACEMENT CHARACTER}"),
        (b"esc\x1b[31m", "esc\N{REPLACEMENT CHARACTER}[31m"),
    ],
)
def test_a_description_is_shown_without_harm(data: bytes, text: str) -> None:
    assert datagrams.decode_node_description(data.ljust(64, b"\0")) == text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0x0001, "it is busy"),
        (0x000C, "the method is not supported for this attribute"),
        (0x001C, "there is no such attribute, or its modifier is out of range"),
    ],
)
def test_a_status_is_explained(status: int, words: str) -> None:
    assert words in datagrams.explain_status(status)


@pytest.mark.parametrize(
    ("code", "expected"),
    [(0, None), (1, 256), (2, 512), (3, 1024), (4, 2048), (5, 4096), (6, None)],
)
def test_a_port_says_how_large_a_packet_may_be(code: int, expected: int | None) -> None:
    data = bytearray(DATA_LENGTH)
    data[32] = 4
    data[36] = code << 4

    assert datagrams.decode_port_info(bytes(data)).mtu_bytes == expected
