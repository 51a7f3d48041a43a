# SPDX-License-Identifier: Apache-2.0
"""The real socket of a real ibstack-eswitchd, and its clients, at the mercy of the other end."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibstack.fabric.errors import IbstackError
from ibstack.host.client.eswitch_client import EswitchClient, EswitchUnreachable
from one_adapter import MACS, RED, Variant
from one_daemon import Daemon, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NET = "ibhostnet"
READ = b'{"verb": "read"}\n'

pytestmark = pytest.mark.real
quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def served() -> Iterator[Daemon]:
    with Daemon(Variant.MLX4) as running:
        running.client.attach(NET, MACS[0], running.pci(1))
        running.client.configure(running.pci(1), MACS[0], RED, link_up=True)
        yield running


@quick
@given(
    st.lists(
        st.sampled_from([READ, b"{", b'"', b"\n", b"\0", b"x" * 70_000, b'{"verb":"watch"}', b"[]"])
        | st.binary(max_size=40),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_no_stream_in_whatever_pieces_changes_or_breaks_anything(
    served: Daemon, pieces: list[bytes], is_cut: bool
) -> None:
    before = served.client.read()
    with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(OSError):
        asking.connect(str(served.socket))
        asking.settimeout(5)
        for piece in pieces:
            asking.sendall(piece)
        if not is_cut:
            asking.shutdown(socket.SHUT_WR)
            for line in asking.makefile("rb"):
                answer = json.loads(line)
                assert answer["ok"] is True or answer["error"].startswith("cannot ")

    assert served.client.read() == before
    assert "Traceback" not in served.log.read_text()


def test_many_half_lines_cost_no_more_than_they_hold(served: Daemon) -> None:
    assert served.process is not None
    before = _resident_kib(served.process.pid)
    half = [socket.socket(socket.AF_UNIX) for _ in range(90)]
    for one in half:
        one.connect(str(served.socket))
        one.sendall(b"x" * 60_000)
    asked = EswitchClient(served.socket, answer_timeout_s=10).read()

    assert asked.adapters
    # A line is 64 KiB at most; a thread's stack and what is on its way are not more.
    assert _resident_kib(served.process.pid) - before < 90 * 512
    for one in half:
        one.close()
    until(lambda: served.ask(READ)[0]["ok"])


def test_who_never_reads_an_answer_holds_up_nobody(served: Daemon) -> None:
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(str(served.socket))
    deaf.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        for _ in range(2000):
            deaf.sendall(READ)

    assert EswitchClient(served.socket, answer_timeout_s=10).read().adapters
    deaf.close()


words = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30
) | st.sampled_from(
    [
        "add-port",
        "del-port",
        NET,
        "ib_hostdev",
        "--wait",
        "0",
        "-1",
        "nan",
        MACS[1],
        "05:00.1",
        "--",
    ]
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(words, max_size=8))
def test_no_arguments_of_ebrctl_crash_it(served: Daemon, arguments: list[str]) -> None:
    before = served.client.read()

    done = served.ebrctl(*arguments)

    assert done.returncode in (0, 1, 2, 4)
    assert "Traceback" not in done.stderr
    # Nothing that is drawn names a VF of the host.
    assert served.client.read() == before
    assert done.returncode == 0 or done.stderr


class HostileServer:
    """Answers every request with the same bytes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "s"
        self.answer = b""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.recv(65_536)
                connection.sendall(self.answer)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileServer]:
    server = HostileServer(tmp_path_factory.mktemp("s"))
    yield server
    server.close()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ok", "sequence", "adapters", "attachments", "problems", "vfs", "pci"])
            | st.text(max_size=4),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@quick
@given(st.binary(max_size=40) | json_values.map(lambda raw: json.dumps(raw).encode()))
def test_no_answer_crashes_a_client(hostile: HostileServer, answer: bytes) -> None:
    _ask_everything(hostile, answer)


@quick
@given(st.dictionaries(st.sampled_from(["sequence", "adapters", "attachments"]), json_values))
def test_no_answer_that_is_ok_crashes_a_client(
    hostile: HostileServer, change: dict[str, Any]
) -> None:
    right = {"ok": True, "sequence": 1, "adapters": [], "attachments": [], "problems": []}
    _ask_everything(hostile, json.dumps({**right, **change}).encode())


def _ask_everything(hostile: HostileServer, answer: bytes) -> None:
    hostile.answer = answer + b"\n"
    client = EswitchClient(hostile.path, answer_timeout_s=5)
    for ask in (
        client.read,
        client.counts,
        lambda: client.detach(NET, MACS[0]),
        lambda: client.watch(1, wait_s=0),
    ):
        with contextlib.suppress(IbstackError):
            ask()


@pytest.mark.parametrize("answer", [b"[]\n", b"[" * 100_000 + b"\n", b'{"ok": true}\n', b"", b"x"])
def test_what_cannot_be_read_is_said_to_be_the_daemons(
    hostile: HostileServer, answer: bytes
) -> None:
    hostile.answer = answer

    with pytest.raises(EswitchUnreachable, match="ibstack-eswitchd"):
        EswitchClient(hostile.path, answer_timeout_s=5).read()


def _resident_kib(pid: int) -> int:
    with open(f"/proc/{pid}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
