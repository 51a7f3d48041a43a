# SPDX-License-Identifier: Apache-2.0
"""Messages of oslo.messaging made by hand, as who holds an account at the broker can send them.

Source of the layout: oslo.messaging 18.3, _drivers/common.py (serialize_msg) and amqpdriver.py.
"""

from __future__ import annotations

import json
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import amqp

from ibstack.fabric.errors import IbstackError

if TYPE_CHECKING:
    from collections.abc import Callable

EXCHANGE: Final = "neutron"
PLUGIN: Final = "ibstack-plugin"
REPORTS: Final = "q-reports-plugin"
HINTS: Final = "ibstack-fabric_fanout"
"""An exchange: each ibstack-fabricd has a queue at it."""
_CONNECT_S: Final = 3
_ANSWERED_WITHIN_S: Final = 5.0
_CONTEXT: Final = {
    "_context_is_admin": True,
    "_context_roles": ["admin", "member", "reader"],
    "_context_user_id": None,
    "_context_project_id": None,
}


class NoAnswer(IbstackError):
    """The broker is away, or nobody answered in time."""


@dataclass(frozen=True)
class Question:
    """A call that was taken from a queue."""

    method: str
    arguments: dict[str, Any]
    reply_queue: str
    message_id: str


class Line:
    """One connection to the broker."""

    def __init__(self, transport_url: str) -> None:
        url = urlsplit(transport_url)
        self._connection = amqp.Connection(
            f"{url.hostname}:{url.port}",
            userid=url.username,
            password=url.password,
            connect_timeout=_CONNECT_S,
            read_timeout=_CONNECT_S,
            write_timeout=_CONNECT_S,
        )
        try:
            self._connection.connect()
            self._channel = self._connection.channel()
        except (OSError, amqp.AMQPError) as error:
            raise NoAnswer(f"cannot reach the broker: {error}") from error

    def close(self) -> None:
        try:
            self._connection.close()
        except (OSError, amqp.AMQPError):
            self._connection.collect()

    def cast(
        self,
        topic: str,
        method: str,
        arguments: dict[str, Any],
        *,
        exchange: str = EXCHANGE,
        version: str = "1.0",
        **more: object,
    ) -> None:
        """Send a call and do not wait; *more* goes into the message beside it."""
        message = {
            "method": method,
            "args": arguments,
            "version": version,
            "_unique_id": uuid.uuid4().hex,
            **_CONTEXT,
            **more,
        }
        self.publish(exchange, topic, json.dumps(_enveloped(message)))

    def publish(self, exchange: str, key: str, body: str | bytes) -> None:
        """Send *body* as it is, as JSON."""
        message = amqp.Message(body, content_type="application/json", content_encoding="utf-8")
        try:
            self._channel.basic_publish(message, exchange, key)
        except (OSError, amqp.AMQPError) as error:
            raise NoAnswer(f"cannot send to {key}: {error}") from error

    def call(
        self, topic: str, method: str, arguments: dict[str, Any], *, version: str = "1.0"
    ) -> str:
        """Return what was answered, a failure too, as JSON; NoAnswer where nothing was."""
        queue, found = f"reply_{uuid.uuid4().hex}", list[str]()
        message_id = uuid.uuid4().hex

        def take(message: Any) -> None:
            answer = json.loads(json.loads(message.body)["oslo.message"])
            if answer["_msg_id"] == message_id and answer.get("ending"):
                found.append(json.dumps(answer.get("failure") or answer.get("result")))

        try:
            self._channel.queue_declare(queue, auto_delete=True)
            self._channel.basic_consume(queue, no_ack=True, callback=take)
            asked = {"_msg_id": message_id, "_reply_q": queue}
            self.cast(topic, method, arguments, version=version, **asked)
            self._drain(_ANSWERED_WITHIN_S, lambda: bool(found))
        except (OSError, amqp.AMQPError) as error:
            raise NoAnswer(f"cannot call {method}: {error}") from error
        if not found:
            raise NoAnswer(f"cannot call {method}: no answer")
        return found[0]

    def declare(self, topic: str) -> None:
        """Make the queue of *topic* where nobody has: as a server of oslo.messaging's would."""
        self._channel.exchange_declare(EXCHANGE, "topic", durable=False, auto_delete=False)
        self._channel.queue_declare(topic, durable=False, auto_delete=False)
        self._channel.queue_bind(topic, EXCHANGE, topic)

    def take_questions(self, topic: str, for_s: float, answer: Callable[[Question], None]) -> int:
        """Take calls to *topic* away from who is asked, and give them to *answer*."""
        taken = list[Question]()

        def take(message: Any) -> None:
            asked = json.loads(json.loads(message.body)["oslo.message"])
            if "_reply_q" in asked:
                question = Question(
                    asked["method"], asked["args"], asked["_reply_q"], asked["_msg_id"]
                )
                taken.append(question)
                answer(question)

        try:
            self._channel.basic_consume(topic, no_ack=True, callback=take)
            self._drain(for_s, lambda: False)
        except (OSError, amqp.AMQPError) as error:
            raise NoAnswer(f"cannot take questions of {topic}: {error}") from error
        return len(taken)

    def _drain(self, for_s: float, over: Callable[[], bool]) -> None:
        until = time.monotonic() + for_s
        while not over() and (left := until - time.monotonic()) > 0:
            try:
                self._connection.drain_events(timeout=min(left, 1.0))
            except TimeoutError:
                continue


def open_line(transport_url: str) -> Any:
    """Return a Line that is closed at the end of a `with`."""
    return closing(Line(transport_url))


def reply(question: Question, result: object, **more: object) -> dict[str, Any]:
    """Return the message that ends *question*, with *result*."""
    message = {
        "result": result,
        "failure": None,
        "ending": True,
        "_msg_id": question.message_id,
        "_unique_id": uuid.uuid4().hex,
    }
    return _enveloped({**message, **more})


def _enveloped(message: dict[str, Any]) -> dict[str, Any]:
    return {"oslo.version": "2.0", "oslo.message": json.dumps(message)}
