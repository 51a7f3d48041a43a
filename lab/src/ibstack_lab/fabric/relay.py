# SPDX-License-Identifier: Apache-2.0
"""A program between ibsim and all its clients, for switches that remember what they enforce.

Arguments: the fabric's name, by which clients find it; the name that ibsim itself has; and how many
entries the table of a switch's port has.  It prints a line when it is ready.
"""

from __future__ import annotations

import selectors
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from ibstack.mad.datagrams import LENGTH
from ibstack_lab.fabric.enforcing_switches import EnforcingSwitches
from ibstack_lab.fabric.packets import (
    CLIENTS,
    CONNECT,
    CONNECT_DATA,
    CONTROL,
    DISCONNECT,
    PACKET,
    address,
)

if TYPE_CHECKING:
    from collections.abc import Callable

READY: Final = "relay: ready"
_PATIENCE_S: Final = 5


@dataclass(frozen=True, slots=True)
class _Line:
    """What a client has towards ibsim."""

    name: int
    wires: socket.socket


class Relay:
    """Passes on everything; *switches* see the datagrams, and change answers."""

    def __init__(self, front: str, back: str, switches: EnforcingSwitches) -> None:
        self._front, self._back, self._switches = front, back, switches
        self._lines: dict[int, _Line] = {}
        self._selector = selectors.DefaultSelector()
        self._simulator = _bound(address(back, "ctl-relay"))
        self._simulator.settimeout(_PATIENCE_S)
        self._simulator.connect(address(back, "ctl"))
        self._outs = [_bound(address(front, f"out{number}")) for number in range(CLIENTS)]
        for number, out in enumerate(self._outs):
            out.setblocking(False)
            self._watch(out, partial(self._from_client, number))
        control = self._control = _bound(address(front, "ctl"))
        self._watch(control, self._controlled)

    def run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                key.data()

    def _watch(self, incoming: socket.socket, act: Callable[[], None]) -> None:
        self._selector.register(incoming, selectors.EVENT_READ, act)

    def _controlled(self) -> None:
        request, client = self._control.recvfrom(CONTROL.size)
        _, number, kind, _, data = CONTROL.unpack(request)
        if kind == CONNECT:
            answer = self._connect(request, CONNECT_DATA.unpack_from(data)[0])
        else:
            answer = self._ask(request)
            if kind == DISCONNECT:
                self._drop(number)
        with suppress(ConnectionRefusedError):  # It is gone already.
            self._control.sendto(answer, client)

    def _connect(self, request: bytes, name: int) -> bytes:
        """Give a client a line of its own, under the name that it has."""
        for number in [number for number, line in self._lines.items() if line.name == name]:
            self._drop(number)
        wires = _bound(address(self._back, f"in{name}"))
        answer = self._ask(request)
        _, _, kind, _, data = CONTROL.unpack(answer)
        if kind != CONNECT:
            wires.close()
            return answer
        number = CONNECT_DATA.unpack_from(data)[0]
        self._drop(number)
        self._switches.forget(number)
        wires.connect(address(self._back, f"out{number}"))
        self._lines[number] = _Line(name, wires)
        self._watch(wires, partial(self._from_simulator, number))
        return answer

    def _drop(self, number: int) -> None:
        line = self._lines.pop(number, None)
        if line is not None:
            self._selector.unregister(line.wires)
            line.wires.close()

    def _ask(self, request: bytes) -> bytes:
        self._simulator.send(request)
        return self._simulator.recv(CONTROL.size)

    def _from_client(self, number: int) -> None:
        packet = _taken(self._outs[number])
        line = self._lines.get(number)
        if packet and line is not None:
            self._switches.asked(number, packet[-LENGTH:])
            line.wires.send(packet)

    def _from_simulator(self, number: int) -> None:
        line = self._lines.get(number)
        packet = _taken(line.wires) if line is not None else b""
        if packet and line is not None:
            mad = self._switches.answered(number, packet[-LENGTH:])
            # Like ibsim: what a client does not take at once is lost.
            with suppress(ConnectionRefusedError, BlockingIOError):
                client = address(self._front, f"in{line.name}")
                self._outs[number].sendto(packet[:-LENGTH] + mad, client)


def _taken(incoming: socket.socket) -> bytes:
    """Return a packet; none where its line was given to another client in the same turn."""
    with suppress(BlockingIOError):
        return incoming.recv(PACKET.size, socket.MSG_DONTWAIT)
    return b""


def _bound(name: bytes) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(name)
    return made


def main() -> None:
    front, back, capacity = sys.argv[1:]
    relay = Relay(front, back, EnforcingSwitches(int(capacity)))
    print(READY, flush=True)
    relay.run()


if __name__ == "__main__":
    main()
