# SPDX-License-Identifier: Apache-2.0
"""A line of our own to ibsim, without LD_PRELOAD: several in one process, at any node.

Speaks what umad2sim speaks (packets.py): two sockets for each client, one for control and one for
management datagrams, which ibsim answers at once or gives back with ETIMEDOUT.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ibstack.mad import CannotReadFabric
from ibstack.mad.datagrams import LENGTH
from ibstack.mad.umad import Received
from ibstack_lab.fabric.packets import (
    CONNECT,
    CONNECT_DATA,
    CONTROL,
    DISCONNECT,
    FAILED,
    MAGIC,
    PACKET,
    address,
)

if TYPE_CHECKING:
    from ibstack_lab.fabric.wires import Wires

_PERMISSIVE_LID: Final = 0xFFFF
# Clients name themselves with their process id; ours lie above any of those (pid_max: 2^22).
_FIRST_NAME: Final = 1 << 23
_NAMES: Final = 64
"""For the clients of one process."""
_COUNTER = itertools.count()
_PATIENCE_S: Final = 5


class Attachment:
    """A client at one node of *fabric*: a host, a VF's HCA, or a switch.

    ibsim has room for 10 clients at a time.  Not for several threads at a time.
    """

    window = 8
    """Linux queues 10 datagrams for a socket (net.unix.max_dgram_qlen); ibsim drops the rest."""

    def __init__(self, fabric: Wires, node: str) -> None:
        """Raises CannotReadFabric where ibsim does not run or does not know *node*."""
        self._name = fabric.name
        name, self._control = self._named()
        self._data = self._socket(f"in{name}")
        try:
            self._control.settimeout(_PATIENCE_S)
            self._control.connect(address(self._name, "ctl"))
            request = CONNECT_DATA.pack(name, 0, 0, node.encode())
            self._client = struct.unpack("=I", self._ask(CONNECT, request, 0)[:4])[0]
            self._data.connect(address(self._name, f"out{self._client}"))
        except BaseException as error:
            self._data.close()
            self._control.close()
            if isinstance(error, OSError):
                raise self._lost(error) from error
            raise

    def send(self, mad: bytes, lid: int | None, timeout_ms: int, queue_pair: int = 0) -> None:
        del timeout_ms  # ibsim answers at once.
        # Source LID 0: ibsim fills in the node's own.
        destination, source = (_PERMISSIVE_LID,) * 2 if lid is None else (lid, 0)
        packet = PACKET.pack(destination, source, queue_pair, queue_pair, 0, LENGTH, mad)
        try:
            self._data.settimeout(_PATIENCE_S)
            self._data.send(packet)
        except OSError as error:
            raise self._lost(error) from error

    def receive(self, timeout_ms: int) -> Received | None:
        try:
            self._data.settimeout(max(timeout_ms, 1) / 1000)
            packet = self._data.recv(PACKET.size)
        except TimeoutError:
            return None
        except OSError as error:
            raise self._lost(error) from error
        if len(packet) != PACKET.size:
            return None
        *_, status, _, mad = PACKET.unpack(packet)
        return Received(mad, status)

    def close(self) -> None:
        """Detach.  Closing twice does nothing."""
        if self._control.fileno() >= 0:
            with suppress(OSError, CannotReadFabric):
                self._ask(DISCONNECT, b"", self._client)
        # In this order: a client's name is free when its control socket is.
        self._data.close()
        self._control.close()

    def _ask(self, kind: int, data: bytes, client: int) -> bytes:
        self._control.send(CONTROL.pack(MAGIC, client, kind, len(data), data))
        _, _, answered, _, answer = CONTROL.unpack(self._control.recv(CONTROL.size))
        if answered == FAILED:
            raise CannotReadFabric("ibsim refused the client", "look at ibsim.log")
        return bytes(answer)

    def _named(self) -> tuple[int, socket.socket]:
        """Take a name that no other client of this process has: one may stay for hours."""
        for _ in range(_NAMES):
            name = _FIRST_NAME + os.getpid() * _NAMES + next(_COUNTER) % _NAMES
            try:
                return name, self._socket(f"ctl{name}")
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        raise CannotReadFabric(f"{_NAMES} clients of this process are attached", "close some")

    def _socket(self, name: str) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            made.bind(address(self._name, name))
        except OSError:
            made.close()
            raise
        return made

    def _lost(self, error: OSError) -> CannotReadFabric:
        return CannotReadFabric(f"ibsim {self._name} is not there ({error})", "start the lab")
