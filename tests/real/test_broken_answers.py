# SPDX-License-Identifier: Apache-2.0
"""Answers that are no messages of oslo.messaging's, from who can send to a daemon's queue."""

from __future__ import annotations

import threading
import warnings
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from oslo_config import cfg

from faults.broker_messages import PLUGIN, Line, Question
from faults.hostile_answers import no_messages, send
from ibstack.fabric.errors import TryLater
from one_broker import ALL, THERE, running_broker

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's, by way of oslo.service.
    from ibstack.neutron.client.rpc_client import PluginClient, open_transport

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not THERE, reason="needs rabbitmq-server: apt-get install rabbitmq-server"),
]
LIMIT_S = 5
KINDS = len(no_messages(Question("", {}, "", "")))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_broker() as broker:
        cfg.CONF([], project="neutron", default_config_files=[], default_config_dirs=[])
        yield broker.url(ALL)
        cfg.CONF.reset()


@pytest.fixture(scope="module")
def transport(url: str) -> Iterator[Any]:
    opened = open_transport(cfg.CONF, url)
    yield opened
    opened.cleanup()


@pytest.mark.parametrize("kind", range(KINDS))
def test_an_answer_that_is_no_message_is_try_later(url: str, transport: Any, kind: int) -> None:
    client = PluginClient(transport, timeout_s=LIMIT_S)

    with closing(Line(url)) as line, closing(Line(url)) as another:
        line.declare(PLUGIN)

        def answer(question: Question) -> None:
            send(another, question, no_messages(question)[kind])

        hostile = threading.Thread(target=line.take_questions, args=(PLUGIN, LIMIT_S, answer))
        hostile.start()
        with pytest.raises(TryLater, match=r"cannot be read|Neutron failed"):
            client.fabric_members("ib")
        hostile.join()
