# SPDX-License-Identifier: Apache-2.0
"""Matching answers to requests, on a port that loses, delays, repeats and refuses."""

from __future__ import annotations

import errno
from collections import deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from ibstack.mad.datagrams import Attribute, transaction_of
from ibstack.mad.pipeline import Lid, NotKnown, Pipeline, Request, Route
from ibstack.mad.umad import Received

TIMEOUT_S = 1.0
TRIES = 3


@dataclass
class UnreliablePort:
    """A port whose wire does to each datagram, in turn, what *fates* says; then it is good.

    "ok", "lose", "late" (answered when its time is over), "twice", "dead" (comes back unanswered),
    "busy", "refuse", or "other" (an answer to another question, under the same id).
    """

    fates: deque[str] = field(default_factory=deque)
    window: int = 4
    now: float = 0.0
    sent: list[bytes] = field(default_factory=list)
    most_out: int = 0
    _ready: deque[Received] = field(default_factory=deque)
    _late: list[tuple[float, Received]] = field(default_factory=list)
    _out: int = 0

    def clock(self) -> float:
        return self.now

    def send(self, mad: bytes, lid: int | None, timeout_ms: int, queue_pair: int = 0) -> None:
        assert timeout_ms == TIMEOUT_S * 1000
        assert queue_pair == 0
        assert (lid is None) == (mad[1] == 0x81)
        self.sent.append(mad)
        fate = self.fates.popleft() if self.fates else "ok"
        if fate == "late":
            self._late.append((self.now + 1.5 * TIMEOUT_S, Received(answer(mad), 0)))
        elif fate == "dead":
            self._ready.append(Received(mad, errno.ETIMEDOUT))
        elif fate != "lose":
            self._ready += [Received(answer(mad, fate), 0)] * (2 if fate == "twice" else 1)

    def receive(self, timeout_ms: int) -> Received | None:
        if not self._ready and self._late and self._late[0][0] <= self.now + timeout_ms / 1000:
            due, received = self._late.pop(0)
            self.now = max(self.now, due)
            return received
        self.most_out = max(self.most_out, len(self._ready))
        if self._ready:
            return self._ready.popleft()
        self.now += timeout_ms / 1000
        return None

    def close(self) -> None:
        """Nothing to let go of."""


def answer(mad: bytes, fate: str = "ok") -> bytes:
    """Answer with the request's own modifier as data, so that a mix-up would show."""
    made = bytearray(mad)
    made[3] = 0x81
    made[4:6] = {"busy": b"\0\1", "refuse": b"\0\x1c"}.get(fate, b"\0\0")
    made[64:68] = mad[20:24]
    if fate == "other":
        made[20:24] = b"\xff\xff\xff\xff"
    return bytes(made)


def ask(port: UnreliablePort, count: int) -> dict[int, list[bytes | NotKnown]]:
    """Ask *count* questions; return all that each was told."""
    told: dict[int, list[bytes | NotKnown]] = {n: [] for n in range(count)}

    def question(number: int) -> Request:
        def then(outcome: bytes | NotKnown) -> tuple[()]:
            told[number].append(outcome)
            return ()

        way = Lid(7) if number % 2 else Route((1,))
        return Request(way, Attribute.PKEY_TABLE, number, then)

    pipeline = Pipeline(port, m_key=0, timeout_s=TIMEOUT_S, tries=TRIES, clock=port.clock)
    pipeline.run([question(n) for n in range(count)])
    return told


FATES = st.lists(
    st.sampled_from(["ok", "lose", "late", "twice", "dead", "busy", "refuse", "other"])
)


@given(FATES, st.integers(0, 12), st.integers(1, 6))
def test_each_question_is_settled_once_and_with_its_own_answer(
    fates: list[str], count: int, window: int
) -> None:
    port = UnreliablePort(deque(fates), window)
    for number, outcomes in ask(port, count).items():
        assert len(outcomes) == 1
        if not isinstance(outcomes[0], NotKnown):
            assert outcomes[0][:4] == number.to_bytes(4, "big")


@given(FATES, st.integers(1, 12))
def test_every_try_has_an_id_of_its_own(fates: list[str], count: int) -> None:
    port = UnreliablePort(deque(fates))
    ask(port, count)
    ids = [transaction_of(mad) for mad in port.sent]
    assert len(set(ids)) == len(ids)
    assert count <= len(ids) <= TRIES * count


def test_a_lost_question_is_asked_again() -> None:
    port = UnreliablePort(deque(["lose", "lose"]))
    assert isinstance(ask(port, 1)[0][0], bytes)
    assert len(port.sent) == 3


def test_a_port_that_never_answers_is_not_known() -> None:
    port = UnreliablePort(deque(["lose"] * TRIES))
    assert ask(port, 1)[0] == [NotKnown("directed route 0,1: no answer, 3 tries")]


def test_the_late_answer_to_an_earlier_try_is_taken_once() -> None:
    port = UnreliablePort(deque(["late", "lose", "lose"]))
    assert isinstance(ask(port, 1)[0][0], bytes)
    assert len(port.sent) == 2


def test_what_comes_back_unanswered_is_asked_again_at_once() -> None:
    port = UnreliablePort(deque(["dead", "dead"]))
    assert isinstance(ask(port, 1)[0][0], bytes)
    assert port.now == 0


def test_a_refusal_is_not_asked_again() -> None:
    port = UnreliablePort(deque(["refuse"]))
    outcome = ask(port, 1)[0][0]
    assert isinstance(outcome, NotKnown)
    assert "there is no such attribute" in str(outcome)
    assert len(port.sent) == 1


def test_who_is_busy_is_asked_again_when_the_time_is_over() -> None:
    port = UnreliablePort(deque(["busy"]))
    assert isinstance(ask(port, 1)[0][0], bytes)
    assert port.now >= TIMEOUT_S


def test_no_more_than_the_window_is_out() -> None:
    port = UnreliablePort(window=3)
    ask(port, 20)
    assert port.most_out <= 3


def test_answers_lead_to_further_questions() -> None:
    port = UnreliablePort()
    seen: list[int] = []

    def question(number: int) -> Request:
        def then(outcome: bytes | NotKnown) -> list[Request]:
            assert isinstance(outcome, bytes)
            seen.append(number)
            return [question(number + 1)] if number < 50 else []

        return Request(Route(()), Attribute.PORT_INFO, number, then)

    Pipeline(port, m_key=0, timeout_s=TIMEOUT_S, tries=1, clock=port.clock).run([question(0)])
    assert seen == list(range(51))


def test_the_m_key_goes_out_with_each_question() -> None:
    port = UnreliablePort()
    request = Request(Route(()), Attribute.PORT_INFO, 0, lambda _outcome: ())
    Pipeline(port, m_key=0x1234, timeout_s=1, tries=1, clock=port.clock).run([request])
    assert port.sent[0][24:32] == (0x1234).to_bytes(8, "big")
