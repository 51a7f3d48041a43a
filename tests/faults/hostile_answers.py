# SPDX-License-Identifier: Apache-2.0
"""Answers in Neutron's place: forged, malformed, late and endless."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from faults.attempts import Promise, Where
from faults.broker_messages import PLUGIN, Question, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.broker_messages import Line

_AT_WORK_S: Final = 1.5
_LATE_S: Final = 3.5
"""After the daemons' `rpc_timeout` in a walk."""
_MANY: Final = 2000
_HUGE: Final = 4 << 20


@dataclass(frozen=True)
class Forgery:
    """How every question is answered while it is at work."""

    answer: Callable[[Line, Question, dict[str, Any]], None]
    told: str | None
    """What ibstack-fabricd says of it; None: nothing, where it asked nothing meanwhile."""
    late_s: float = 0.0

    @property
    def promises(self) -> tuple[Promise, ...]:
        return (Promise(Where.FABRICD_LOG, (self.told,)),) if self.told else ()


def answer_in_neutrons_place(
    line: Line,
    another: Line,
    forgery: Forgery,
    member: dict[str, Any],
    wake: Callable[[], None],
) -> str:
    """Take what is asked for a while, and answer it on *another* line; *wake* has fabricd ask."""
    late = list[Question]()

    def take(question: Question) -> None:
        if forgery.late_s:
            late.append(question)
        else:
            forgery.answer(another, question, member)

    wake()
    line.take_questions(PLUGIN, _AT_WORK_S, take)
    if late:
        time.sleep(max(forgery.late_s - _AT_WORK_S, 0))
    for question in late:
        forgery.answer(another, question, member)
    return ""


def send(line: Line, question: Question, body: object) -> None:
    """Answer *question* with *body*, whatever that is."""
    line.publish("", question.reply_queue, json.dumps(body))


def _forged(question: Question, member: dict[str, Any]) -> dict[str, Any]:
    """Return what each question would like to hear, with *member* where nobody should be."""
    if question.method == "fabric_members":
        return {"etag": "forged", "members": [member], "held": [], "hosts": {}}
    if question.method == "host_ports":
        return {"etag": question.arguments.get("etag") or "forged", "ports": None}
    return {"unknown": [], "down": {}}


def _unsigned(line: Line, question: Question, member: dict[str, Any]) -> None:
    send(line, question, reply(question, _forged(question, member)))


def _wrongly_signed(line: Line, question: Question, member: dict[str, Any]) -> None:
    signed = {**_forged(question, member), "signature": secrets.token_hex(32)}
    send(line, question, reply(question, signed))


def _of_another_shape(line: Line, question: Question, member: dict[str, Any]) -> None:
    shapes: list[object] = [None, [], "", 7, {"signature": [[]]}, _deep(500), {"etag": {}}]
    send(line, question, reply(question, secrets.choice(shapes)))
    del member


def _no_message(line: Line, question: Question, member: dict[str, Any]) -> None:
    send(line, question, secrets.choice(no_messages(question)))
    del member


def no_messages(question: Question) -> list[object]:
    """Return answers that oslo.messaging itself does not expect."""
    return [
        reply(question, None, ending=False),
        reply(question, None, failure="no JSON"),
        reply(question, None, failure=json.dumps({"class": 7})),
        reply(question, None, _unique_id=[]),
        {"oslo.version": "2.0", "oslo.message": json.dumps({"_msg_id": question.message_id})},
    ]


def _endless(line: Line, question: Question, member: dict[str, Any]) -> None:
    """Answer upon answer, none of which is the last; then one that is large."""
    part = reply(question, {"etag": "more"}, ending=False)
    for _ in range(_MANY):
        send(line, question, {**part})
    send(line, question, reply(question, {"etag": "x" * _HUGE}, ending=False))
    del member


def _deep(levels: int) -> object:
    found: object = []
    for _ in range(levels):
        found = [found]
    return found


_UNBELIEVED: Final = "so it is not believed: somebody may answer in Neutron's place"

FORGERIES: Final = {
    "unsigned": Forgery(_unsigned, f"the answer has no signature, {_UNBELIEVED}"),
    "signed with another key": Forgery(
        _wrongly_signed, f"the answer is signed with another key, {_UNBELIEVED}"
    ),
    "in another shape": Forgery(_of_another_shape, _UNBELIEVED),
    "with what is no message": Forgery(_no_message, "the answer of Neutron cannot be read"),
    "late": Forgery(_unsigned, "no answer within 3 s", _LATE_S),
    "without end": Forgery(_endless, "no answer within 3 s"),
}
