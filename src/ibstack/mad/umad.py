# SPDX-License-Identifier: Apache-2.0
"""Sending and receiving management datagrams through libibumad.

Works on /dev/infiniband/umadN, and under ibsim with LD_PRELOAD=libumad2sim.so.  Only the latter has
been tried; what is said of the kernel is from drivers/infiniband/core/user_mad.c.

Traps of umad2sim (umad2sim.c): it replaces open, close, read, write, poll and ioctl, and takes
every descriptor from 1024 on for its own, so a process under it may not have that many open files;
its answers go to the agent that registered a class last, so there is one open port to a process;
and an answer that comes in when its agent is gone makes the process crash: see settled().
Python's sockets, threads and subprocess work as ever (tests/real/test_mad.py).
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import NOT_KNOWN, IbstackError
from ibstack.mad.datagrams import DIRECTED_CLASS, LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIBRARY: Final = "libibumad.so.3"
LID_ROUTED_CLASS: Final = 0x01
_PERMISSIVE_LID: Final = 0xFFFF
# What a receive says when there is nothing; under umad2sim a spurious wake-up is EIO.
_NOTHING: Final = {errno.ETIMEDOUT, errno.EINTR, errno.EAGAIN, errno.EIO, 0}
_DRAIN_S: Final = 0.1


@dataclass(eq=False)
class CannotReadFabric(IbstackError):
    """This process has no way to the fabric at all."""

    why: str
    remedy: str

    exit_code = NOT_KNOWN

    def __str__(self) -> str:
        return f"cannot read the fabric: {self.why}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Received:
    """One datagram that came in, or one of ours that came back unanswered."""

    mad: bytes
    error: int
    """0, or an errno: ETIMEDOUT where nobody answered."""


class UmadPort:
    """One local port, and an agent for each management class in *classes*.

    Raises CannotReadFabric where there is none.  Not for several threads at a time.
    """

    window = 64
    """Datagrams that may be out at a time: more gain nothing (measured under ibsim)."""

    def __init__(
        self, ca: str | None, port: int | None, classes: Sequence[tuple[int, int]]
    ) -> None:
        """*classes*: (management class, version).  Without *ca*: the first active port."""
        self._library = load()
        self._outstanding = 0
        self._agents: dict[int, int] = {}
        self._length = ctypes.c_int()
        self._fd = self._open(ca, port)
        # Only now: opening is what tells libibumad which header the kernel has, 56 or 64 bytes.
        header: int = self._library.umad_size()
        self._send = ctypes.create_string_buffer(header + LENGTH)
        self._receive = ctypes.create_string_buffer(header + LENGTH)
        self._outgoing = memoryview(self._send).cast("B")[header:]
        self._incoming = memoryview(self._receive).cast("B")[header:]
        try:
            for management_class, version in classes:
                self._agents[management_class] = self._register(management_class, version)
        except BaseException:
            self.close()
            raise

    def send(self, mad: bytes, lid: int | None, timeout_ms: int, queue_pair: int = 0) -> None:
        """Send one request of LENGTH bytes; *lid* None for a directed route.

        The kernel gives it back with ETIMEDOUT when no answer came in *timeout_ms*.
        """
        destination = _PERMISSIVE_LID if lid is None else lid
        queue_key = 0x80010000 if queue_pair == 1 else 0  # IBTA vol 1, 10.2.4: GSI's Q_Key.
        self._library.umad_set_addr(self._send, destination, queue_pair, 0, queue_key)
        self._outgoing[:] = mad
        agent = self._agents[mad[1]]
        failed = self._library.umad_send(self._fd, agent, self._send, LENGTH, timeout_ms, 0)
        if failed:
            raise CannotReadFabric(
                f"sending a datagram failed: {os.strerror(-failed) if failed < 0 else failed}",
                "look at the adapter's port with ibstat",
            )
        self._outstanding += 1

    def receive(self, timeout_ms: int) -> Received | None:
        """Return the next datagram; None where none comes within *timeout_ms* (at least 1)."""
        self._length.value = LENGTH
        got = self._library.umad_recv(
            self._fd, self._receive, ctypes.byref(self._length), max(timeout_ms, 1)
        )
        if got < 0:
            if -got in _NOTHING:
                return None
            raise CannotReadFabric(
                f"receiving a datagram failed: {os.strerror(-got)}",
                "look at the adapter's port with ibstat",
            )
        self._outstanding = max(self._outstanding - 1, 0)
        return Received(bytes(self._incoming), self._library.umad_status(self._receive))

    def settled(self) -> bool:
        """Wait a moment for what is out; say whether all of it has come back."""
        deadline = time.monotonic() + _DRAIN_S
        while self._outstanding and time.monotonic() < deadline:
            self.receive(10)
        return not self._outstanding

    def close(self) -> None:
        """Unregister the agents and close the port.  Closing twice does nothing."""
        if self._fd < 0:
            return
        for agent in self._agents.values():
            self._library.umad_unregister(self._fd, agent)
        self._agents.clear()
        self._library.umad_close_port(self._fd)
        self._fd = -1

    def _open(self, ca: str | None, port: int | None) -> int:
        name = ca.encode() if ca is not None else None
        fd: int = self._library.umad_open_port(name, port or 0)
        if fd < 0:
            where = f"port {port} of {ca}" if ca else "any local port"
            raise CannotReadFabric(
                f"opening {where} failed: {os.strerror(-fd)}",
                "load the module ib_umad, and run as root or as a user that may write "
                "/dev/infiniband/umad*",
            )
        return fd

    def _register(self, management_class: int, version: int) -> int:
        agent: int = self._library.umad_register(self._fd, management_class, version, 0, None)
        if agent < 0:
            raise CannotReadFabric(
                f"registering for management class {management_class:#x} failed: "
                f"{os.strerror(-agent)}",
                "run as root",
            )
        return agent


SUBNET_MANAGEMENT: Final = ((LID_ROUTED_CLASS, 1), (DIRECTED_CLASS, 1))


def load() -> ctypes.CDLL:
    """Return libibumad, ready for use; CannotReadFabric where it is not."""
    try:
        library = ctypes.CDLL(_LIBRARY, use_errno=True)
    except OSError as error:
        raise CannotReadFabric(
            f"{_LIBRARY} could not be loaded ({error})", "install libibumad3"
        ) from error
    library.umad_size.restype = ctypes.c_size_t
    library.umad_open_port.argtypes = [ctypes.c_char_p, ctypes.c_int]
    library.umad_register.argtypes = [
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_uint8,
        ctypes.c_void_p,
    ]
    if library.umad_init() < 0:
        raise CannotReadFabric("umad_init() failed", "load the module ib_umad")
    return library


__all__ = ["SUBNET_MANAGEMENT", "CannotReadFabric", "Received", "UmadPort"]
