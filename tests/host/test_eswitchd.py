# SPDX-License-Identifier: Apache-2.0
"""ibstack-eswitchd as a process: who it serves, what it takes, and that it cannot be broken."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibstack.fabric.errors import IbstackError
from ibstack.fabric.guid import Guid
from ibstack.host.client.eswitch_client import EswitchClient, EswitchUnreachable
from ibstack.host.client.observed import AttachmentState, Link
from one_adapter import BLUE, MACS, RED, Variant
from one_daemon import SCRIPTS, Daemon, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NET = "ibhostnet"
MAC = MACS[0]
SOME_GROUP = 2  # bin: on every Debian.


@pytest.fixture(scope="module")
def served() -> Iterator[Daemon]:
    """One daemon for the tests that change nothing."""
    with Daemon(Variant.MLX4) as running:
        running.client.attach(NET, MAC, running.pci(1))
        running.client.configure(running.pci(1), MAC, RED, link_up=True)
        yield running


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with Daemon(Variant.MLX4) as running:
        yield running


def test_it_is_small(served: Daemon) -> None:
    assert served.process is not None
    status = _status(served.process.pid)

    assert int(status["VmRSS"].split()[0]) <= 20_000, status["VmRSS"]


def test_it_loads_nothing_but_python(served: Daemon) -> None:
    script = "import sys, ibstack.host.eswitchd.daemon; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"oslo_config", "asyncio", "argparse", "subprocess", "pathlib"} & set(loaded)


WRONG: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no JSON"),
    "no JSON": (b"hello", "no JSON"),
    "no UTF-8": (b'{"verb": "\xff"}', "no JSON in UTF-8"),
    "zeros": (b"\0" * 100, "no JSON"),
    "a list": (b"[]", "no JSON object"),
    "nested too deep": (b"[" * 60_000, "no JSON"),
    "a number too long": (b'{"verb": ' + b"9" * 5000 + b"}", "no JSON"),
    "no verb": (b"{}", "there is no verb null"),
    "another verb": (b'{"verb": "destroy"}', 'there is no verb "destroy"'),
    "a verb that is a list": (b'{"verb": []}', "there is no verb []"),
    "fields missing": (b'{"verb": "attach"}', "physical_network, mac, pci, wait_s missing"),
    "fields not known": (b'{"verb": "read", "now": 1}', '"now" not known'),
}
VALUES: dict[str, dict[str, Any]] = {
    "a wait that is negative": {"wait_s": -1},
    "a wait too long": {"wait_s": 301},
    "a wait that is no number": {"wait_s": float("nan")},
    "a wait that is true": {"wait_s": True},
    "a wait that is text": {"wait_s": "60"},
    "a MAC that is a number": {"mac": 5},
    "a MAC with a zero byte": {"mac": "fa:16:3e:00:00:0\0"},
    "a MAC that is half a character": {"mac": "\ud800"},
    "a path for an address": {"pci": "../../../etc/passwd"},
    "an address too long": {"pci": "0" * 1000},
    "a network too long": {"physical_network": "n" * 201},
    "an empty network": {"physical_network": ""},
}


@pytest.mark.parametrize(("line", "words"), WRONG.values(), ids=WRONG)
def test_a_line_that_is_wrong_is_answered_and_the_connection_goes_on(
    served: Daemon, line: bytes, words: str
) -> None:
    wrong, good = served.ask(line + b'\n{"verb": "read"}\n', shut=True)

    assert (wrong["ok"], wrong["kind"]) == (False, "bad-input")
    assert wrong["error"].startswith("cannot ")
    assert words in wrong["error"]
    assert good["ok"] is True


@pytest.mark.parametrize("wrong", VALUES.values(), ids=VALUES)
def test_a_value_that_is_wrong_is_bad_input(served: Daemon, wrong: dict[str, Any]) -> None:
    before = served.client.read()
    request = {"verb": "attach", "physical_network": NET, "mac": MACS[1], "pci": str(served.pci(2))}
    line = json.dumps({**request, "wait_s": 0, **wrong}).encode() + b"\n"

    (answer,) = served.ask(line)

    assert (answer["ok"], answer["kind"]) == (False, "bad-input")
    assert answer["error"].startswith("cannot attach: ")
    assert served.client.read() == before


@pytest.mark.parametrize("entry", ["0x0000", "0x8000", "8001", "0x12345", "", 1, [], True])
def test_an_entry_that_is_none_is_bad_input(served: Daemon, entry: object) -> None:
    request = {"verb": "configure", "pci": str(served.pci(1)), "mac": MAC, "link_up": True}
    (answer,) = served.ask(json.dumps({**request, "entry": entry}).encode() + b"\n")

    assert (answer["ok"], answer["kind"]) == (False, "bad-input")


@pytest.mark.parametrize("entry", ["0xffff", "0x7ff0", "0xfff0", "0xfff7", "0x7ff8", "0xfff8"])
@pytest.mark.parametrize("verb", ["configure", "adopt"])
def test_an_entry_that_no_vf_has_is_refused_whoever_asks(
    served: Daemon, verb: str, entry: str
) -> None:
    """Root asks here."""
    request: dict[str, object] = {"verb": verb, "pci": str(served.pci(1)), "mac": MAC}
    request["entry"] = entry
    request |= {"link_up": True} if verb == "configure" else {"physical_network": NET}
    before = served.client.read()

    (answer,) = served.ask(json.dumps(request).encode() + b"\n")

    assert (answer["ok"], answer["kind"]) == (False, "refused")
    assert f"a VF does not get entry {entry}" in answer["error"]
    assert served.client.read() == before


@pytest.mark.parametrize("sequence", [True, None, 1.5, "1"])
def test_a_sequence_that_is_no_number_is_bad_input(served: Daemon, sequence: object) -> None:
    request = {"verb": "watch", "sequence": sequence, "wait_s": 0}
    (answer,) = served.ask(json.dumps(request).encode() + b"\n")

    assert (answer["ok"], answer["kind"]) == (False, "bad-input")


def test_a_request_may_be_as_long_as_is_promised_and_not_longer(served: Daemon) -> None:
    read = b'{"verb": "read"}'
    longest = read.ljust(65_536)

    (answer,) = served.ask(longest + b"\n")
    assert answer["ok"] is True
    for line in (longest + b" \n", b"x" * 200_000):
        (answer,) = served.ask(line)
        assert (answer["kind"], "65536" in answer["error"]) == ("bad-input", True)


requests = st.fixed_dictionaries(
    {},
    optional={
        "verb": st.sampled_from(["read", "attach", "detach", "configure", "watch", "counts"])
        | st.text(),
        "physical_network": st.sampled_from([NET, "nonet"]) | st.none(),
        "mac": st.sampled_from(["ff:ff:ff:ff:ff:ff", "00:14:05:01:02:03", ""]) | st.integers(),
        "pci": st.sampled_from(["0000:05:00.0", "0000:05:00.2"]) | st.text(),
        "wait_s": st.floats(max_value=0) | st.none(),
        "entry": st.text() | st.booleans(),
        "link_up": st.integers() | st.booleans(),
        "sequence": st.integers() | st.floats(),
    },
)
lines = st.one_of(st.binary(max_size=200), requests.map(lambda r: json.dumps(r).encode()))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(lines, min_size=1, max_size=5))
def test_whatever_is_sent_changes_nothing_and_breaks_nothing(
    served: Daemon, sent: list[bytes]
) -> None:
    before = served.client.read()

    for answer in served.ask(b"\n".join(sent), shut=True):
        assert answer["ok"] is True or answer["error"].startswith("cannot ")

    assert served.client.read() == before


def test_slow_clients_hold_up_nobody(served: Daemon) -> None:
    slow = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for one in slow:
        one.connect(str(served.socket))
        one.sendall(b'{"verb": "re')
    asking = {"verb": "watch", "sequence": served.client.read().sequence, "wait_s": 300}
    for one in slow[10:]:
        one.sendall(b"\n" + json.dumps(asking).encode() + b"\n")

    assert EswitchClient(served.socket, answer_timeout_s=5).read().adapters
    for one in slow:
        one.close()


def test_more_clients_than_there_is_room_for_are_told_to_come_again(daemon: Daemon) -> None:
    here = [socket.socket(socket.AF_UNIX) for _ in range(101)]
    for one in here:
        one.settimeout(20)
        one.connect(str(daemon.socket))
    answer = json.loads(here[100].makefile("rb").readline())

    assert answer["kind"] == "try-later"
    for one in here:
        one.close()
    until(lambda: daemon.ask(b'{"verb": "read"}\n')[0]["ok"])


# As another user: takes as many places as it is asked to, and holds them until its input ends.
HOLDING = """
import os, socket, sys
os.setgroups([int(sys.argv[2])]); os.setgid(65534); os.setuid(int(sys.argv[3]))
held, answers = [], []
for _ in range(int(sys.argv[4])):
    asking = socket.socket(socket.AF_UNIX)
    asking.connect(sys.argv[1])
    try:
        asking.sendall(b'{"verb": "read"}\\n')
        answers.append('"ok":true' in asking.makefile().readline())
    except OSError:
        pass  # Turned away before it had asked.
    held.append(asking)
print(sum(answers), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_users_of_the_group_leave_room_for_each_other_and_for_root() -> None:
    with Daemon(Variant.MLX5_FILES, extra="group = bin\n") as running:
        words = [sys.executable, "-c", HOLDING, str(running.socket), str(SOME_GROUP)]
        started = [
            subprocess.Popen([*words, uid, "60"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for uid in ("65533", "65534")
        ]
        try:
            places = [int(each.stdout.readline()) for each in started if each.stdout]
            assert sum(places) == 80
            assert max(places) <= 50
            assert running.ask(b'{"verb": "read"}\n')[0]["ok"] is True
        finally:
            for each in started:
                each.communicate()
        until(lambda: _as_another(running.socket, str(SOME_GROUP)).count('"ok":true'))


# As another user: becomes it in a process of its own, then asks.
AS_ANOTHER = """
import os, socket, sys
os.setgroups([int(g) for g in sys.argv[2].split(",") if g]); os.setgid(65534); os.setuid(65534)
asking = socket.socket(socket.AF_UNIX)
try:
    asking.connect(sys.argv[1])
    asking.sendall(b'{"verb": "read"}\\n')
    print(asking.makefile().readline())
except PermissionError:
    print("not let in")
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


def _as_another(path: Path, groups: str = "") -> str:
    return subprocess.run(
        [sys.executable, "-c", AS_ANOTHER, path, groups], capture_output=True, text=True, check=True
    ).stdout


@as_root
def test_another_user_is_not_let_in(served: Daemon) -> None:
    assert served.socket.stat().st_mode & 0o777 == 0o660
    assert _as_another(served.socket).strip() == "not let in"


@as_root
def test_another_user_is_refused_even_where_the_socket_lets_it_in(daemon: Daemon) -> None:
    daemon.socket.chmod(0o666)
    answer = json.loads(_as_another(daemon.socket))

    assert (answer["ok"], answer["kind"]) == (False, "refused")
    assert "only root and the group" in answer["error"]
    assert "turned away process" in daemon.log.read_text()


@as_root
def test_a_user_of_the_configured_group_is_served() -> None:
    with Daemon(Variant.MLX5_FILES, extra="group = bin\n") as running:
        assert running.socket.stat().st_gid == SOME_GROUP
        assert json.loads(_as_another(running.socket, f"7,{SOME_GROUP},8"))["ok"] is True
        assert _as_another(running.socket, "7,8").strip() == "not let in"


def test_a_watcher_wakes_at_once_when_the_table_changes(daemon: Daemon) -> None:
    daemon.client.attach(NET, MAC, daemon.pci(1))
    sequence = daemon.client.read().sequence
    # The daemon's own look at the host may follow an attach; it settles at once.
    woken: list[int] = []
    waiting = threading.Thread(
        target=lambda: woken.append(daemon.client.watch(sequence, wait_s=30))
    )
    waiting.start()

    daemon.hardware.show_table([0x7FFF, 0x8055])
    waiting.join(30)

    assert woken[0] != sequence


def test_a_second_daemon_refuses_to_start(daemon: Daemon) -> None:
    second = subprocess.run(
        [SCRIPTS / "ibstack-eswitchd", "--config-file", daemon.config],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert second.returncode == 1
    assert "another ibstack-eswitchd uses state_path" in second.stderr
    assert daemon.client.read().adapters, "and the first goes on"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_when_asked_to(daemon: Daemon, number: int) -> None:
    sequence = daemon.client.read().sequence
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(str(daemon.socket))
        request = {"verb": "watch", "sequence": sequence, "wait_s": 300}
        waiting.sendall(json.dumps(request).encode() + b"\n")

        assert daemon.kill(number) == 0
    assert not daemon.socket.exists()
    with pytest.raises(EswitchUnreachable, match="check that the service"):
        daemon.client.read()


def test_the_socket_of_a_killed_daemon_is_taken_over(daemon: Daemon) -> None:
    daemon.client.attach(NET, MAC, daemon.pci(1))
    daemon.kill()
    assert daemon.socket.exists()

    daemon.run()

    (held,) = daemon.client.read().attachments
    assert held.mac == MAC


def test_systemd_is_told_that_it_is_ready_and_that_it_stops(daemon: Daemon) -> None:
    daemon.kill()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(daemon.folder / "notify"))
        told.settimeout(20)
        daemon.run(NOTIFY_SOCKET=str(daemon.folder / "notify"))
        states = {told.recv(100), told.recv(100)}
        daemon.kill(signal.SIGTERM)
        while b"STOPPING=1" not in states:
            states.add(told.recv(100))

    assert states == {b"READY=1", b"WATCHDOG=1", b"STOPPING=1"}


@pytest.mark.parametrize("variant", [Variant.MLX4, Variant.MLX5_FILES])
def test_killed_again_and_again_it_loses_nothing(variant: Variant) -> None:
    chance = random.Random(20261122)
    with Daemon(variant, vfs=8) as running:
        for _round in range(6):
            stopping = threading.Event()
            plugs = [threading.Thread(target=_toil, args=(running, n, stopping)) for n in range(8)]
            for plug in plugs:
                plug.start()
            stopping.wait(chance.uniform(0.02, 0.3))
            running.kill()
            stopping.set()
            for plug in plugs:
                plug.join(30)
            running.run()
            _assert_whole(running)
        for number in range(8):
            _plug(running, number)
        host = running.client.read()
        assert [a.state for a in host.attachments] == [AttachmentState.PROGRAMMED] * 8
        assert {vf.entry for vf in host.adapters[0].vfs} == {RED}
        assert host.problems == ()
        for number in range(8):
            running.client.detach(NET, MACS[number])
        assert running.client.read().attachments == ()
        assert {vf.link for vf in running.client.read().adapters[0].vfs} == {Link.DOWN}


def _plug(running: Daemon, number: int) -> None:
    running.client.attach(NET, MACS[number], running.pci(number))
    running.client.configure(running.pci(number), MACS[number], RED, link_up=True)


def _toil(running: Daemon, number: int, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            _plug(running, number)
            running.client.configure(running.pci(number), MACS[number], BLUE, link_up=True)
            running.client.detach(NET, MACS[number])
        except IbstackError:
            stopping.wait(0.01)  # It was killed.


def _assert_whole(running: Daemon) -> None:
    host = running.client.read()
    held = {each.pci: each for each in host.attachments}
    for seen in host.adapters[0].vfs:
        if seen.pci in held:
            assert seen.guid == Guid.from_mac(held[seen.pci].mac)
        elif seen.index != 0:  # 0: as the driver made it, and never ours.
            assert (seen.guid, seen.link) in [(None, Link.DOWN)]


def _status(pid: int) -> dict[str, str]:
    with open(f"/proc/{pid}/status") as lines:
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
