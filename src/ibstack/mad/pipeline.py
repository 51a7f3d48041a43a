# SPDX-License-Identifier: Apache-2.0
"""Many requests at a time: a window of them is out, each with its own timeout and retries."""

from __future__ import annotations

import errno
import itertools
import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ibstack.mad.datagrams import (
    Attribute,
    decode_answer,
    encode_get,
    explain_status,
    transaction_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ibstack.mad.umad import Received

_BUSY = 0x0001


class DatagramPort(Protocol):
    """A local port: `umad.UmadPort`, or the lab's direct line to ibsim."""

    @property
    def window(self) -> int:
        """How many requests may be out at a time."""
        ...

    def send(self, mad: bytes, lid: int | None, timeout_ms: int, queue_pair: int = 0) -> None: ...

    def receive(self, timeout_ms: int) -> Received | None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Lid:
    """The way to a port that the subnet manager has configured."""

    value: int

    def __str__(self) -> str:
        return f"LID {self.value}"


@dataclass(frozen=True, slots=True)
class Route:
    """The exit port of each node on the way; empty: ourselves.  Works before there are LIDs."""

    ports: tuple[int, ...]

    def __str__(self) -> str:
        return f"directed route {','.join(map(str, (0, *self.ports)))}"


Way: TypeAlias = "Lid | Route"


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Why something could not be read.  Never to be taken for empty."""

    why: str

    def __str__(self) -> str:
        return f"not known: {self.why}"


@dataclass(eq=False, slots=True)
class Request:
    """One question, and what to do with its answer.

    *then* is called once, with the 64 bytes of data or with why there are none, and returns further
    requests.
    """

    way: Way
    attribute: Attribute
    modifier: int
    then: Callable[[bytes | NotKnown], Iterable[Request]]
    tries: list[int] = field(default_factory=list)
    """The transaction id of each try so far."""


class Pipeline:
    """Sends requests through a port and matches the answers to them."""

    def __init__(
        self,
        port: DatagramPort,
        *,
        m_key: int,
        timeout_s: float,
        tries: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Each of at most *tries* tries of a request waits *timeout_s* for an answer."""
        self.port = port
        self.m_key = m_key
        self.timeout_s = timeout_s
        self.tries = tries
        self.clock = clock
        # Ids go on counting from run to run, so that an answer to an earlier run matches nothing.
        self.transactions = itertools.count(time.monotonic_ns() & 0x3FFFFFFF)

    def run(self, requests: Iterable[Request]) -> None:
        """Settle all of *requests*, and all that they lead to."""
        _Run(self, requests).finish()


class _Run:
    """The state of one run.

    Each try has a transaction id of its own.  The first answer to any try of a request settles it;
    one that comes later is dropped, so no answer is ever taken for another request's.
    """

    def __init__(self, pipeline: Pipeline, requests: Iterable[Request]) -> None:
        self._pipeline = pipeline
        self._port = pipeline.port
        self._waiting = deque(requests)
        self._tried: dict[int, Request] = {}
        self._unsettled = 0
        # All tries wait equally long, so the first deadline is always the leftmost.
        self._deadlines: deque[tuple[float, int]] = deque()

    def finish(self) -> None:
        window = self._port.window
        waiting = self._waiting
        while waiting or self._unsettled:
            while waiting and self._unsettled < window:
                self._unsettled += 1
                self._try(waiting.popleft())
            received = self._port.receive(self._until_deadline_ms())
            if received is not None:
                self._receive(received)
            self._expire()

    def _try(self, request: Request) -> None:
        pipeline = self._pipeline
        way = request.way
        transaction = next(pipeline.transactions) & 0xFFFFFFFF
        route, lid = (way.ports, None) if isinstance(way, Route) else (None, way.value)
        mad = encode_get(
            request.attribute, request.modifier, transaction, route=route, m_key=pipeline.m_key
        )
        request.tries.append(transaction)
        self._tried[transaction] = request
        self._deadlines.append((pipeline.clock() + pipeline.timeout_s, transaction))
        self._port.send(mad, lid, int(pipeline.timeout_s * 1000))

    def _receive(self, received: Received) -> None:
        if received.error:
            self._give_up_try(transaction_of(received.mad), received.error)
            return
        answer = decode_answer(received.mad)
        request = self._tried.get(answer.transaction) if answer else None
        if answer is None or request is None:
            return
        if (answer.attribute, answer.modifier) != (request.attribute, request.modifier):
            return  # The deadline sees to it.
        if answer.status & _BUSY and len(request.tries) < self._pipeline.tries:
            return  # So here: ask again only when the time is over.
        if answer.status:
            self._settle(request, NotKnown(f"{request.way}: {explain_status(answer.status)}"))
        else:
            self._settle(request, answer.data)

    def _expire(self) -> None:
        now = self._pipeline.clock()
        while self._deadlines and self._deadlines[0][0] <= now:
            self._give_up_try(self._deadlines.popleft()[1], errno.ETIMEDOUT)

    def _give_up_try(self, transaction: int, error: int) -> None:
        request = self._tried.get(transaction)
        if request is None or request.tries[-1] != transaction:
            return  # Settled, or a later try is out already.
        if len(request.tries) < self._pipeline.tries:
            self._try(request)
            return
        said = "no answer" if error == errno.ETIMEDOUT else os.strerror(error)
        self._settle(request, NotKnown(f"{request.way}: {said}, {len(request.tries)} tries"))

    def _settle(self, request: Request, outcome: bytes | NotKnown) -> None:
        self._unsettled -= 1
        for transaction in request.tries:
            del self._tried[transaction]
        # What it leads to goes first: a walk then keeps few routes in memory.
        self._waiting.extendleft(request.then(outcome))

    def _until_deadline_ms(self) -> int:
        left_s = self._deadlines[0][0] - self._pipeline.clock() if self._deadlines else 0
        return max(1, int(left_s * 1000))
