# SPDX-License-Identifier: Apache-2.0
"""DHCP requests that nobody answers, and what is said of them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ibstack.fabric.errors import BadValue
from ibstack.neutron.agents.dhcp_requests import (
    DhcpRequest,
    ExpectedGuest,
    parse_hosts,
    parse_packet,
    why_unanswered,
)

RECORDED = Path(__file__).parents[2] / "recorded" / "dhcp"
MAC = bytes.fromhex("fa163e123456")
GUID = "fa:16:3e:00:00:12:34:56"
BY_TYPE = bytes.fromhex("20fa163e0000123456")
LEGACY = bytes.fromhex("ff 00000000 0002 000002c9 00 fa163e0000123456")
PORT = ExpectedGuest(MAC, BY_TYPE, "192.168.80.5")
OTHER = ExpectedGuest(
    bytes.fromhex("fa163eaaaaaa"), bytes.fromhex("20fa163e0000aaaaaa"), "192.168.80.6"
)


def recorded(client: str) -> bytes:
    lines = (RECORDED / f"{client}.hex").read_text().splitlines()
    return bytes.fromhex("".join(line for line in lines if not line.startswith("#")))


def on_infiniband(client_id: bytes) -> DhcpRequest:
    return DhcpRequest(client_id, b"")


@pytest.mark.parametrize("client", ["udhcpc", "dhclient"])
def test_what_a_client_was_told_to_ask_with_is_read(client: str) -> None:
    assert parse_packet(recorded(client)) == DhcpRequest(BY_TYPE, MAC)


def test_what_networkd_asks_with_by_itself_is_read() -> None:
    request = parse_packet(recorded("networkd"))

    assert request is not None
    assert request.client_id[0] == 0xFF
    assert request.client_id[5:11] == bytes.fromhex("00020000ab11")


@pytest.mark.parametrize("client", ["networkd-ipoib", "nm-ipoib"])
def test_an_empty_hardware_address_is_none(client: str) -> None:
    asks_with = bytes.fromhex("20fa163e0000000001")

    assert parse_packet(recorded(client)) == on_infiniband(asks_with)


def test_what_networkd_asks_with_by_itself_on_infiniband_is_read() -> None:
    request = parse_packet(recorded("networkd-ipoib-alone"))

    assert request is not None
    assert request.hardware_address == b""
    assert request.client_id[5:11] == bytes.fromhex("00020000ab11")


@pytest.mark.parametrize(
    ("at", "octet"),
    [(0, 0x65), (9, 6), (23, 68), (7, 1), (28, 2), (28 + 236, 0), (28 + 242, 2)],
    ids=["IPv6", "TCP", "to a client", "a later fragment", "an answer", "no DHCP", "an OFFER"],
)
def test_what_asks_for_nothing_is_passed_over(at: int, octet: int) -> None:
    packet = bytearray(recorded("udhcpc"))
    packet[at] = octet

    assert parse_packet(bytes(packet)) is None


@given(st.binary(max_size=400))
def test_no_packet_raises_anything_but_ours(packet: bytes) -> None:
    with suppress(BadValue):
        parse_packet(packet)


@given(st.binary(max_size=80), st.integers(0, 255))
@example(b"\x3d", 6)
@example(b"\x3d\x09\x20", 6)
def test_no_options_raise_anything_but_ours(options: bytes, length: int) -> None:
    packet = bytearray(recorded("udhcpc")[: 28 + 243])
    packet[28 + 2] = length
    with suppress(BadValue):
        parse_packet(bytes(packet) + options)


@given(st.integers(0, 600))
def test_a_packet_that_is_cut_is_read_or_refused(kept: int) -> None:
    with suppress(BadValue):
        assert parse_packet(recorded("networkd")[:kept]) in (
            None,
            parse_packet(recorded("networkd")),
            DhcpRequest(b"", MAC),
        )


def test_the_hosts_file_of_neutron_is_read() -> None:
    text = (
        f"fa:16:3e:12:34:56,id:20:{GUID},host-192-168-80-5.openstacklocal.,192.168.80.5\n"
        "fa:16:3e:00:00:01,host-192-168-80-2.openstacklocal.,192.168.80.2\n"
        "fa:16:3e:00:00:02,tag:dhcpv6,host-a.openstacklocal.,[fd00::2]\n"
        "fa:16:3e:00:00:03,set:port-1\n"
        f"fa:16:3e:aa:aa:aa,id:20:fa:16:3e:00:00:aa:aa:aa,name,192.168.80.6,set:port-2\n"
        "fa:16:3e:00:00:04,id:a text,name,192.168.80.7\n"
        "\n"
    )

    guests = parse_hosts(text)

    assert guests == (
        PORT,
        ExpectedGuest(bytes.fromhex("fa163e000001"), b"", "192.168.80.2"),
        OTHER,
    )


@given(st.text())
def test_no_hosts_file_raises(text: str) -> None:
    parse_hosts(text)


@pytest.mark.parametrize(
    "request_", [on_infiniband(BY_TYPE), DhcpRequest(b"", MAC), DhcpRequest(LEGACY, MAC)]
)
def test_of_what_dnsmasq_answers_nothing_is_said(request_: DhcpRequest) -> None:
    assert why_unanswered(request_, (OTHER, PORT)) is None


def test_the_other_form_of_a_ports_identifier_names_the_port_and_both_remedies() -> None:
    why = why_unanswered(on_infiniband(LEGACY), (OTHER, PORT))

    assert why == (
        "the port of 192.168.80.5 (fa:16:3e:12:34:56) is expected to ask with client-id"
        f" 20:{GUID}; have the guest send that, or say `openstack port set --extra-dhcp-option"
        f" name=client-id,value=ff:00:00:00:00:00:02:00:00:02:c9:00:{GUID},ip-version=4` of the"
        " port"
    )


def test_a_mac_in_the_identifier_names_its_port() -> None:
    why = why_unanswered(on_infiniband(b"\x01" + MAC), (OTHER, PORT))

    assert why is not None
    assert "the port of 192.168.80.5" in why
    assert "openstack port set" not in why  # Neutron refuses such a client-id.


def test_an_identifier_of_nobody_is_told_whom_the_network_expects() -> None:
    many = [ExpectedGuest(MAC, bytes([0x20, *range(7), n]), "a") for n in range(5)]

    why = why_unanswered(on_infiniband(b"\xff\x01"), many)

    assert why is not None
    assert why.startswith("no port of this network has it; expected is one of: client-id 20:00:01")
    assert why.endswith(", … (5 in all)")


def test_a_network_without_guests_says_so() -> None:
    why = why_unanswered(on_infiniband(b""), ())

    assert why is not None
    assert "whether its subnet has DHCP" in why


def test_a_request_says_what_it_is_asked_with() -> None:
    assert str(on_infiniband(BY_TYPE)) == f"client-id 20:{GUID}"
    assert str(on_infiniband(b"")) == "no client-id, hardware address none"
    assert str(DhcpRequest(b"", MAC)) == "no client-id, hardware address fa:16:3e:12:34:56"
