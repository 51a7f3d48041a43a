# SPDX-License-Identifier: Apache-2.0
"""Neutron's lists through openstacksdk, from an HTTP server that answers what a test says."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from facts.cut_lists import page
from ibstack.fabric.errors import BadInput, TryLater
from ibstack.facts.cloud.agents import agents_of
from ibstack.facts.cloud.openstack_api import OpenstackNetworks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = Callable[[dict[str, str]], tuple[int, bytes]]

AGENTS = [{"id": f"a{number}", "host": f"node{number:03}"} for number in range(5)]
PAGE = 2


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802: the name is the standard library's
            url = urlsplit(self.path)
            words = {name: values[0] for name, values in parse_qs(url.query).items()}
            if url.path.endswith("/agents"):
                status, body = answer(words)
            else:  # What the SDK asks of an endpoint before it uses it.
                links = [{"rel": "self", "href": f"http://{self.headers['Host']}/v2.0/"}]
                versions = [{"id": "v2.0", "status": "CURRENT", "links": links}]
                status, body = 200, json.dumps({"versions": versions}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def only_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_AUTH_TYPE", "none")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", "/dev/null")


def read(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> list[dict[str, Any]]:
    with served(answer) as url:
        monkeypatch.setenv("OS_NETWORK_ENDPOINT_OVERRIDE", url)
        monkeypatch.setenv("OS_ENDPOINT", url)
        return list(OpenstackNetworks().list("agents"))


def paged(words: dict[str, str]) -> tuple[int, bytes]:
    return 200, json.dumps(page("agents", AGENTS, PAGE, words)).encode()


def test_every_page_of_the_agents_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, paged) == AGENTS


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, b'{"NeutronError": {"message": "not you"}}', "not you"),
        (200, b"<html>maintenance</html>", "the answer is no JSON: <html>maintenance"),
        (200, b'{"agent": []}', "the answer has no list of agents"),
        (200, b"[]", "the answer has no list of agents"),
    ],
)
def test_what_is_no_list_is_said_in_the_servers_words(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, said: str
) -> None:
    with pytest.raises(TryLater, match="cannot list agents: ") as refused:
        read(monkeypatch, lambda _: (status, body))

    assert said in str(refused.value)
    assert "OS_AUTH_URL" in str(refused.value)


def test_a_server_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(paged) as url:
        pass
    monkeypatch.setenv("OS_NETWORK_ENDPOINT_OVERRIDE", url)
    monkeypatch.setenv("OS_ENDPOINT", url)

    with pytest.raises(TryLater, match=r"cannot .*is the cloud up"):
        OpenstackNetworks().list("agents")


def test_rows_that_are_no_agents_are_named_with_their_source() -> None:
    with pytest.raises(
        BadInput,
        match=r"cannot read what Neutron says: agents\[0\]: it has no 'agent_type'; wanted",
    ):
        agents_of([{"host": "node001"}], "what Neutron says")
