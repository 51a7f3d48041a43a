# SPDX-License-Identifier: Apache-2.0
"""What the lab's switches remember of a SubnSet(PortInfo), as the clients of a fabric see it."""

from __future__ import annotations

import pytest

from ibstack.mad.datagrams import (
    Attribute,
    decode_answer,
    decode_port_info,
    decode_switch_info,
    encode_get,
)
from ibstack_lab.fabric.enforcing_switches import EnforcingSwitches

SWITCH, ADAPTER = (2, 0x0002C902F0000100), (1, 0x0002C90300000010)
CAPACITY = 8
OPENSM, READER = 0, 3
"""Clients at different nodes: the same switch is another way for each."""
ROUTE = {OPENSM: (1,), READER: (1, 2)}


def datagram(attribute: Attribute, modifier: int, route: tuple[int, ...], data: bytes) -> bytearray:
    mad = bytearray(encode_get(attribute, modifier, 77, route=route))
    mad[64 : 64 + len(data)] = data
    return mad


def port_info(bits: int) -> bytes:
    data = bytearray(64)
    data[32], data[33], data[43] = 0x04, 0x50, bits
    return bytes(data)


class Clients:
    """Some clients of switches that forget everything by themselves, as ibsim's do."""

    def __init__(self) -> None:
        self.switches = EnforcingSwitches(CAPACITY)

    def ask(self, client: int, attribute: Attribute, data: bytes, modifier: int = 0) -> bytes:
        return self._answered(client, datagram(attribute, modifier, ROUTE[client], data), 0)

    def meet(self, client: int, node: tuple[int, int]) -> None:
        kind, guid = node
        data = bytearray(64)
        data[2], data[12:20], data[20:28] = kind, guid.to_bytes(8, "big"), guid.to_bytes(8, "big")
        self.ask(client, Attribute.NODE_INFO, bytes(data))

    def set_enforcement(self, bits: int, port: int = 3, status: int = 0) -> None:
        mad = datagram(Attribute.PORT_INFO, port, ROUTE[OPENSM], port_info(bits))
        mad[3] = 0x02
        self.switches.asked(OPENSM, bytes(mad))
        mad[64:128] = port_info(0)
        self._answered(OPENSM, mad, status)

    def enforcement(self, client: int, port: int = 3) -> tuple[bool, bool]:
        found = decode_port_info(self.ask(client, Attribute.PORT_INFO, port_info(0x30), port))
        return found.enforces_inbound, found.enforces_outbound

    def _answered(self, client: int, mad: bytearray, status: int) -> bytes:
        mad[3], mad[4], mad[5] = 0x81, 0x80, status
        got = self.switches.answered(client, bytes(mad))
        assert (got[:64], got[128:]) == (bytes(mad[:64]), bytes(mad[128:]))
        answer = decode_answer(got)
        assert answer is not None
        return answer.data


@pytest.fixture
def clients() -> Clients:
    made = Clients()
    for client in ROUTE:
        made.meet(client, SWITCH)
    return made


def test_what_one_client_sets_at_a_port_every_client_sees_at_that_port_alone(
    clients: Clients,
) -> None:
    assert clients.enforcement(READER) == (False, False)
    clients.set_enforcement(0x0C)

    assert clients.enforcement(OPENSM) == clients.enforcement(READER) == (True, True)
    assert clients.enforcement(READER, port=4) == (False, False)
    clients.set_enforcement(0x08)
    assert clients.enforcement(READER) == (True, False)


def test_a_refused_set_changes_nothing(clients: Clients) -> None:
    clients.set_enforcement(0x0C, status=0x1C)

    assert clients.enforcement(READER) == (False, False)


def test_the_rest_of_an_answer_is_left(clients: Clients) -> None:
    clients.set_enforcement(0x0C)

    assert clients.ask(READER, Attribute.PORT_INFO, port_info(0x30), 3) == port_info(0x3C)
    data = clients.ask(READER, Attribute.SWITCH_INFO, bytes(range(64)))
    info = decode_switch_info(data)
    assert (info.enforcement_cap, info.can_enforce) == (CAPACITY, True)
    assert data[:14] + data[17:] == bytes(range(14)) + bytes(range(17, 64))
    assert data[16] & 0x3F == 16


def test_adapters_answer_for_themselves(clients: Clients) -> None:
    clients.set_enforcement(0x0C)
    clients.meet(READER, ADAPTER)

    assert clients.enforcement(READER) == (False, False)


def test_a_client_with_the_number_of_another_has_its_own_ways(clients: Clients) -> None:
    clients.set_enforcement(0x0C)
    clients.switches.forget(READER)

    assert clients.enforcement(READER) == (False, False)
    clients.meet(READER, SWITCH)
    assert clients.enforcement(READER) == (True, True)
