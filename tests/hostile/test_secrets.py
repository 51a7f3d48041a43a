# SPDX-License-Identifier: Apache-2.0
"""No password and no key of a configuration shows in a log or an error, whatever goes wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.folder import free_ports
from ibstack_lab.topology import ARTICLE
from one_fabricd import PROGRAM as WITH_NEUTRON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytestmark = pytest.mark.real

SECRET = "hunter2"
PROGRAMS = Path(sys.executable).parent
CLOSED = "127.0.0.1:1"
_TROUBLE = "Connection failed: "  # As oslo.messaging says it.
DAEMONS = ("ibstack-agent", "ibstack-fabricd")
NO_URLS = [
    f"rabbit://ib:{SECRET}@127.0.0.1:x/",
    f"rabbit://ib:a/{SECRET}@127.0.0.1/",
    f"nosuch://ib:{SECRET}@127.0.0.1/",
    f"ib:{SECRET}@127.0.0.1",
    f"rabbit://ib:{SECRET}@[::1/",
    SECRET,
]


M_KEY = 0x5EC2E7C0FFEE1234
# As it may be printed: by %x, by %d, as bytes.
SPELLINGS = (f"{M_KEY:x}", str(M_KEY), repr(M_KEY.to_bytes(8, "big"))[2:-1].lower())


def shows_the_key(text: str) -> bool:
    return any(spelling in text.lower() for spelling in SPELLINGS)


def configure(folder: Path, transport_url: str, metrics_port: int = 0) -> Path:
    conf = folder / "the.conf"
    conf.write_text(
        f"[DEFAULT]\nhost = node\ndebug = true\ntransport_url = {transport_url}\n"
        f"[database]\nconnection = mysql+pymysql://ib:{SECRET}@{CLOSED}/neutron\n"
        f"[keystone_authtoken]\npassword = {SECRET}\n"
        f"[eswitch]\nsocket = {folder / 'none'}\n"
        f"[fabric]\nphysical_network = ib\npartitions_conf = {folder / 'partitions.conf'}\n"
        f"state_path = {folder / 'state'}\nrpc_timeout = 1\nm_key = {M_KEY:#x}\n"
        f"[metrics]\nport = {metrics_port}\n"
        "[oslo_messaging_rabbit]\nrabbit_interval_max = 1\n"
    )
    return conf


def ibstack(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAMS / "ibstack", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **env},
    )


@contextmanager
def broker_that_hangs_up() -> Iterator[str]:
    """Yield the address of a port that answers whatever comes with nonsense, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(8)
                    connection.sendall(b"HTTP/1.1 403 no\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Place:
    """Where a program runs."""

    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None


HERE = Place()


def said_by(
    daemon: str,
    conf: Path,
    until: str,
    place: Place = HERE,
    meanwhile: Callable[[], object] = lambda: None,
) -> str:
    """Return what a daemon says, at its most talkative, until it has said *until*; then end it."""
    log = conf.with_suffix(f".{daemon}.log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [PROGRAMS / daemon, "--config-file", conf],
            stdout=out,
            stderr=out,
            env={**os.environ, **place.env},
            cwd=place.cwd,
        )
    try:
        deadline = time.monotonic() + 40
        while until not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        meanwhile()
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()
        process.wait()
    return log.read_text()


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_whose_broker_is_away(daemon: str, tmp_path: Path) -> None:
    conf = configure(tmp_path, f"rabbit://ib:{SECRET}@{CLOSED}/")

    assert SECRET not in said_by(daemon, conf, _TROUBLE)


def test_a_daemon_whose_broker_talks_nonsense(tmp_path: Path) -> None:
    with broker_that_hangs_up() as address:
        conf = configure(tmp_path, f"rabbit://ib:{SECRET}@{address}/")

        assert SECRET not in said_by("ibstack-agent", conf, _TROUBLE)


@pytest.mark.parametrize("url", NO_URLS)
@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_whose_broker_is_no_url_says_so_and_not_which(
    daemon: str, url: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [PROGRAMS / daemon, "--config-file", configure(tmp_path, url)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "cannot start: cannot use [DEFAULT] transport_url" in done.stderr
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("url", [f"rabbit://ib:{SECRET}@{CLOSED}/", NO_URLS[1]])
def test_commands_that_ask_neutron_over_the_broker(url: str, tmp_path: Path) -> None:
    done = ibstack("partition", "list", "--debug", "--config-file", str(configure(tmp_path, url)))

    assert done.returncode in (1, 2, 4)
    assert "cannot " in done.stderr
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "words", [("verify", "cloud"), ("port", "explain", "p"), ("--debug", "verify", "cloud")]
)
def test_commands_that_ask_neutron_as_an_operator(words: tuple[str, ...]) -> None:
    names = {"USERNAME": "ib", "PASSWORD": SECRET, "PROJECT_NAME": "p", "IDENTITY_API_VERSION": "3"}
    names |= {"USER_DOMAIN_ID": "default", "PROJECT_DOMAIN_ID": "default"}
    env = {f"OS_{name}": value for name, value in names.items()}
    done = ibstack(*words, OS_AUTH_URL=f"http://{CLOSED}/v3", **env)

    assert done.returncode in (1, 4)
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "url",
    [
        f"mysql+pymysql://ib:{SECRET}@{CLOSED}/cluster",
        f"postgresql+psycopg://ib:{SECRET}@{CLOSED}/cluster",
        f"nosuch://ib:{SECRET}@h/c",
        f"mysql+pymysql://ib:{SECRET}@h:port/c",
    ],
)
def test_commands_of_the_cluster_whose_store_is_away(url: str, tmp_path: Path) -> None:
    done = ibstack("cluster", "export", "--debug", "--store", url, str(tmp_path / "out"))

    assert "cannot " in done.stderr
    assert done.returncode in (1, 2, 4)
    assert SECRET not in done.stdout + done.stderr


@pytest.fixture(params=["no port", "a port"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A host without any InfiniBand port; and one on a fabric, where the key goes out."""
    if request.param == "no port":
        yield HERE
        return
    fabric = Fabric.of_lab(tmp_path / "lab", ARTICLE)
    try:
        fabric.start()
        fabric.start_subnet_manager("head")
        yield Place(fabric.client_env("head"), fabric.client_cwd("head"))
    finally:
        fabric.stop()


def test_a_fabricd_that_fails_shows_its_fabrics_key_nowhere(place: Place, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    conf = configure(tmp_path, f"rabbit://ib:{SECRET}@{CLOSED}/", port)
    pages = []

    def read() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as page:
            pages.append(page.read().decode())

    trouble = "cannot read the fabric" if place is HERE else _TROUBLE
    said = said_by("ibstack-fabricd", conf, trouble, place, read)

    assert "ibstack_fabricd_failures_total" in pages[0]
    kept = [p.read_text() for p in (tmp_path / "state").rglob("*") if p.is_file()]
    assert not any(map(shows_the_key, (said, *pages, *kept)))


@pytest.mark.parametrize("words", [("partition", "audit"), ("verify", "fabric")])
@pytest.mark.parametrize("form", ["table", "json"])
def test_a_command_that_reads_the_fabric_shows_its_key_nowhere(
    place: Place, words: tuple[str, ...], form: str, tmp_path: Path
) -> None:
    """Neutron answers, so that each gets as far as the fabric."""
    conf = configure(tmp_path, "fake:///")
    conf.write_text(conf.read_text().replace("rpc_timeout = 1", "rpc_timeout = 20"))
    (tmp_path / "members.json").write_text("[]")

    done = subprocess.run(
        [
            *(sys.executable, str(WITH_NEUTRON), str(tmp_path), "ibstack", "--debug", "-v"),
            *(*words, "-f", form, "--config-file", str(conf)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **place.env},
        cwd=place.cwd,
    )

    said = done.stdout + done.stderr
    assert done.returncode in ((1, 3, 4) if place is HERE else (0, 3)), said
    assert ("cannot read the fabric" in said) is (place is HERE), said
    assert not shows_the_key(said)


@pytest.mark.parametrize("spelling", [f"{M_KEY:#x}", str(M_KEY), repr(M_KEY.to_bytes(8, "big"))])
def test_a_key_is_found_however_it_is_spelled(spelling: str) -> None:
    assert shows_the_key(f"m_key = {spelling}")
