# SPDX-License-Identifier: Apache-2.0
"""A host is told of a broadcast group through a port of the right fabric, or says why not."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from diagnose.test_local_vf import ADAPTER, put
from ibstack.diagnose.host_facts import GroupFacts, Question
from ibstack.diagnose.local_group import GroupSource, read
from ibstack.diagnose.local_vf import VfSource
from ibstack.diagnose.mapped_ports import MappedPort, mapped_ports
from ibstack.fabric.errors import TryLater
from ibstack.fabric.partition import PartitionKey
from ibstack.formats.codec import to_json
from ibstack.host.client.observed import ObservedHost
from ibstack.mad import FabricReader
from ibstack.mad.datagrams import Attribute
from ibstack.mad.umad import Received

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = PartitionKey(0x101)
QUESTION = Question("fa:16:3e:00:00:01", group=KEY.base, physical_network="ibhostnet")
NODE_INFO = bytes([1, 1, 1, 1]) + bytes(8) + bytes.fromhex("0002c903000000300002c90300000031")
NODE_INFO = (NODE_INFO + (64).to_bytes(2, "big") + bytes(6) + b"\1").ljust(64, b"\0")
PORT_INFO = (bytes(16) + bytes([0, 7, 0, 1]) + bytes(8) + b"\1\0\0\0\x04\x50").ljust(64, b"\0")
UNCONFIGURED = PORT_INFO[:18] + bytes(2) + PORT_INFO[20:]


@dataclass
class Wire:
    """A port on which only those attributes are answered; subnet administration knows the group."""

    answers: dict[tuple[int, int], bytes] = field(default_factory=dict)
    window: int = 4
    asked: list[tuple[str | None, int | None, int]] = field(default_factory=list)
    _ready: list[Received] = field(default_factory=list)
    _through: tuple[str | None, int | None] = (None, None)

    def send(self, mad: bytes, lid: int | None, timeout_ms: int, queue_pair: int = 0) -> None:
        made = bytearray(mad)
        made[3] = 0x81
        if queue_pair == 1:
            self.asked.append((*self._through, lid or 0))
            self._ready.append(Received(bytes(made), 0))
            return
        attribute, modifier = int.from_bytes(mad[16:18], "big"), int.from_bytes(mad[20:24], "big")
        data = self.answers.get((attribute, modifier))
        if data is not None:
            made[64:128] = data
            self._ready.append(Received(bytes(made), 0))

    def receive(self, timeout_ms: int) -> Received | None:
        return self._ready.pop() if self._ready else None

    def close(self) -> None:
        """Nothing to let go of."""

    @contextmanager
    def reader(self) -> Iterator[FabricReader]:
        yield FabricReader(self, timeout_s=0.001, tries=1)

    @contextmanager
    def administration(self, device: str | None, number: int | None) -> Iterator[Wire]:
        self._through = (device, number)
        yield self


def table(*entries: int) -> bytes:
    return b"".join(entry.to_bytes(2, "big") for entry in entries).ljust(64, b"\0")


NODE, PORT = (Attribute.NODE_INFO.value, 0), (Attribute.PORT_INFO.value, 0)
FIRST, SECOND = (Attribute.PKEY_TABLE.value, 0), (Attribute.PKEY_TABLE.value, 1)


@pytest.mark.parametrize(
    ("answers", "there", "why"),
    [
        ({}, None, "its port does not answer: "),
        ({PORT: UNCONFIGURED}, None, "no subnet manager has configured its port"),
        ({PORT: PORT_INFO}, None, "the table of its port is not known: "),
        ({PORT: PORT_INFO, NODE: NODE_INFO}, None, "the table of its port is not known: "),
        (
            {PORT: PORT_INFO, NODE: NODE_INFO, FIRST: table(0x7FFF)},
            None,
            "the table of its port is not known: ",
        ),
        (
            {PORT: PORT_INFO, NODE: NODE_INFO, FIRST: table(0x7FFF), SECOND: table()},
            None,
            "node001 is no member of 0x0101",
        ),
        ({PORT: PORT_INFO, NODE: NODE_INFO, SECOND: table(0x8101)}, True, ""),
    ],
)
def test_an_answer_that_does_not_come_is_no_answer_that_says_no(
    answers: dict[tuple[int, int], bytes], there: bool | None, why: str
) -> None:
    wire = Wire(answers)

    found = read(GroupSource("node001", lambda _: (), wire.reader, wire.administration), QUESTION)

    assert found.there is there
    assert found.why.startswith(why)
    assert bool(found.why) is bool(why)
    assert wire.asked == ([(None, None, 1)] if there else [])


OTHER = MappedPort("mlx5_0", 1, 9, frozenset())
MINE = MappedPort("mlx5_1", 2, 5, frozenset({KEY}))


@pytest.mark.parametrize(
    ("ports", "found", "asked"),
    [
        ((OTHER, MINE), GroupFacts("node001", True), [("mlx5_1", 2, 5)]),
        ((OTHER,), GroupFacts("node001", None, "node001 is no member of 0x0101"), []),
        (
            (OTHER, replace(MINE, sm_lid=0)),
            GroupFacts("node001", None, "no subnet manager has configured its port"),
            [],
        ),
    ],
)
def test_a_mapped_port_that_is_a_member_is_asked_through(
    ports: tuple[MappedPort, ...],
    found: GroupFacts,
    asked: list[tuple[str | None, int | None, int]],
) -> None:
    wire = Wire()
    place = GroupSource("node001", lambda _: ports, wire.reader, wire.administration)

    assert read(place, QUESTION) == found
    assert wire.asked == asked


def test_an_administration_that_cannot_be_reached_says_why() -> None:
    @contextmanager
    def away(_device: str | None, _number: int | None) -> Iterator[Wire]:
        raise TryLater("subnet administration did not answer")
        yield Wire()

    place = GroupSource("node001", lambda _: (MINE,), Wire().reader, away)
    assert read(place, QUESTION).why == "subnet administration did not answer"


def serve(listening: socket.socket, answer: ObservedHost) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(json.dumps({"ok": True, **to_json(answer)}).encode() + b"\n")


def test_the_ports_of_a_physical_network_are_those_that_eswitchd_maps(tmp_path: Path) -> None:
    storage = replace(ADAPTER, device="mlx5_1", physical_network="storage")
    folder = "class/infiniband/mlx5_0/ports/1"
    put(tmp_path, f"{folder}/sm_lid", "0x5")
    for index, entry in enumerate(["0x7fff", "0x8101", "0x0000", "text"]):
        put(tmp_path, f"{folder}/pkeys/{index}", entry)
    put(tmp_path, "class/infiniband/mlx5_1/ports/1/sm_lid", "0x9")
    place = VfSource("node001", str(tmp_path / "socket"), tmp_path)
    assert mapped_ports(place, "ibhostnet") == ()
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(place.socket)
        listening.listen()
        answer = ObservedHost(1, (storage, ADAPTER), (), ())
        thread = threading.Thread(target=serve, args=(listening, answer))
        thread.start()
        found = mapped_ports(place, "ibhostnet")
        thread.join()

    keys = frozenset({PartitionKey(0x7FFF), KEY})
    assert found == (MappedPort("mlx5_0", 1, 5, keys),)
