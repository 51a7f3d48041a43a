# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the way to hosts is told by host and cause, and leaves nothing half done."""

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest

from ibstack.transport import host_answer, remote_files, remote_script
from ibstack.transport.apply_request import ApplyRequest, ApplyResult, FileRequest
from ibstack.transport.host_state import DOWN, UP
from ibstack.transport.query import Query
from ibstack.transport.remote_program import program
from transport.ssh_fleet import SSHD, Fleet, close_fleet, environment, open_fleet, sshd_options

WELL, ILL = "node001", "node002"
CUT = Path(__file__).with_name("cut_connection.py")
FILE = PurePosixPath("/etc/big.conf")
LARGE = os.urandom(150_000).hex().encode()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = open_fleet(tmp_path_factory.mktemp("fleet"), (WELL, ILL))
    (fleet.folder / "sshd_one").write_text(sshd_options(fleet.folder))
    yield fleet
    close_fleet(fleet)


@pytest.fixture
def fleet(started: Fleet) -> Fleet:
    started.begin_anew()
    return started


def one_sshd(fleet: Fleet, name: str = "%n") -> str:
    """Return the command of an sshd for one connection, on its standard input and output."""
    config = fleet.folder / "sshd_one"
    return f"{SSHD} -i -f {config} -o '{environment(fleet.folder, name)}'"


def cut(way: str, limit_bytes: int) -> str:
    return f"{sys.executable} -IS {CUT} {way} {limit_bytes}"


def apply(fleet: Fleet, order: ApplyRequest) -> ApplyResult:
    return fleet.hosts().apply({ILL: order})[ILL]


def test_a_host_that_nobody_answers_for_is_down(fleet: Fleet) -> None:
    fleet.write_config({ILL: "Port 1"})

    seen = fleet.hosts().query({WELL: Query(), ILL: Query()})

    assert seen[WELL].state == UP
    assert (seen[ILL].state, seen[ILL].why) == (DOWN, "connection refused")


def test_of_a_host_that_takes_the_connection_and_says_nothing_nothing_was_done(
    fleet: Fleet,
) -> None:
    hosts = fleet.hosts(connect_timeout_s=2)
    fleet.daemon.send_signal(signal.SIGSTOP)
    try:
        seen = hosts.query({ILL: Query()})[ILL]
        done = hosts.apply({ILL: ApplyRequest((FileRequest(FILE, None, b"new\n"),))})[ILL]
    finally:
        fleet.daemon.send_signal(signal.SIGCONT)

    assert (seen.state, seen.why, seen.flags) == (DOWN, "it does not answer", ())
    assert done.failed == "it does not answer"


def test_a_host_without_systemctl_tells_of_no_service(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = fleet.folder / "no-programs"
    here.mkdir()
    monkeypatch.setenv("PATH", str(here))
    request = {"files": [], "linked": False, "services": ["opensm"]}

    seen = host_answer.observation(
        remote_script.query(str(fleet.root(ILL)), request), Query((), ("opensm",))
    )

    assert seen.services_unknown == "cannot look at services: there is no systemctl"
    assert (seen.services, seen.flags) == ({}, ("services-unknown",))


def test_a_host_key_that_changed_is_told_and_nothing_is_sent(fleet: Fleet) -> None:
    fleet.write_known_hosts(changed=[ILL])

    seen = fleet.hosts().query({WELL: Query(), ILL: Query()})
    done = apply(fleet, ApplyRequest((FileRequest(FILE, None, b"x"),)))

    assert seen[WELL].up
    assert (seen[ILL].state, seen[ILL].flags) == (None, ("host-key-changed",))
    assert done.failed.startswith("its host key has changed; ")
    assert not (fleet.root(ILL) / "etc").exists()


def test_a_host_key_that_nobody_knows_is_told(fleet: Fleet) -> None:
    fleet.write_config({ILL: "UserKnownHostsFile /dev/null"})

    assert fleet.hosts().query({ILL: Query()})[ILL].flags == ("host-key-unknown",)


def test_a_login_that_is_refused_is_told(fleet: Fleet) -> None:
    fleet.write_config({ILL: f"IdentityFile {fleet.folder}/stranger"})
    # The one that is right comes after it in the file, and would be tried too.
    config = fleet.folder / "ssh_config"
    config.write_text(config.read_text().replace(f"IdentityFile {fleet.folder}/login", ""))

    seen = fleet.hosts().query({ILL: Query()})[ILL]

    assert seen.flags == ("login-refused",)
    assert "authorized_keys" in seen.why


def test_a_name_that_is_not_known_and_a_host_without_python_are_told(fleet: Fleet) -> None:
    fleet.write_config({ILL: "HostName no-such-host.invalid"})
    assert fleet.hosts().query({ILL: Query()})[ILL].flags == ("name-unknown",)

    fleet.write_config({})
    assert fleet.hosts(python="no-such-python").query({ILL: Query()})[ILL].flags == ("no-python",)


def test_a_host_that_is_much_slower_is_given_up_alone(fleet: Fleet) -> None:
    slow = fleet.host(ILL) / "slow"
    slow.touch()
    try:
        seen = fleet.hosts(timeout_s=3).query(dict.fromkeys((WELL, ILL), Query((), ("opensm",))))
    finally:
        slow.unlink()

    assert seen[WELL].up
    assert seen[ILL].flags == ("timed-out",)
    assert seen[ILL].why.startswith("no answer within 3 s")


def test_a_full_disk_is_told_and_the_old_file_stays_whole(fleet: Fleet) -> None:
    etc = fleet.root(ILL) / "etc"
    etc.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", etc], check=True)
    try:
        (etc / "big.conf").write_bytes(b"old\n")
        done = apply(fleet, ApplyRequest((FileRequest(FILE, b"old\n", LARGE),)))
        found = {each.name: each.read_bytes() for each in etc.iterdir()}
    finally:
        subprocess.run(["umount", etc], check=True)

    assert done.files[FILE].failed == f"cannot write {FILE}: No space left on device"
    assert found == {"big.conf": b"old\n"}


@pytest.mark.parametrize("sent_bytes", [20_000, 180_000])
def test_a_connection_that_is_cut_on_the_way_there_does_nothing(
    fleet: Fleet, sent_bytes: int
) -> None:
    fleet.write_config({ILL: f"ProxyCommand {cut('there', sent_bytes)} {one_sshd(fleet)}"})
    place = fleet.root(ILL) / "etc/big.conf"
    place.parent.mkdir()
    place.write_bytes(b"old\n")

    done = apply(fleet, ApplyRequest((FileRequest(FILE, b"old\n", LARGE),)))

    assert "the connection was lost" in done.failed
    assert "drift tells" in done.failed
    assert [each.name for each in place.parent.iterdir()] == ["big.conf"]
    assert place.read_bytes() == b"old\n"


def test_a_connection_that_is_cut_on_the_way_back_leaves_the_whole_file(fleet: Fleet) -> None:
    # A key exchange and a login take less; the answer to a look of a large file takes more.
    fleet.write_config({ILL: f"ProxyCommand {cut('back', 60_000)} {one_sshd(fleet)}"})
    place = fleet.root(ILL) / "etc/big.conf"
    place.parent.mkdir()
    place.write_bytes(LARGE)

    seen = fleet.hosts().query({ILL: Query((FILE,))})[ILL]

    assert seen.flags == ("connection-lost",)
    assert not seen.up


def test_what_is_left_of_a_request_that_was_cut_is_no_program() -> None:
    whole = program("abc").decode().rstrip()
    call = whole.rindex("main(")

    for end in range(call + 1, len(whole)):
        cut = whole[:end]
        try:
            last = ast.parse(cut).body[-1]
        except SyntaxError:
            continue
        assert not isinstance(last, ast.Expr) or not isinstance(last.value, ast.Call), cut[-20:]


@pytest.mark.parametrize("module", [remote_files, remote_script])
def test_the_far_side_keeps_to_the_python_of_old_hosts(module: ModuleType) -> None:
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(), feature_version=(3, 6))
    imported = {
        each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names
    } | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    ours = {name for name in imported if name.startswith("ibstack")}
    assert ours <= {remote_files.__name__}, "the host has nothing else of ibstack"
    assert ast.parse(program("abc"), feature_version=(3, 6))


def test_a_hundred_hosts_are_asked_in_one_go(fleet: Fleet) -> None:
    names = [f"n{number:03}" for number in range(100)]
    config = fleet.folder / "ssh_config"
    ways = f"Host n???\n  HostKeyAlias {WELL}\n  ProxyCommand {one_sshd(fleet)}\n"
    config.write_text(ways + config.read_text())
    for name in names:
        (fleet.root(name) / "etc").mkdir(parents=True)
        (fleet.root(name) / "etc/hostname").write_text(f"{name}\n")
    path = PurePosixPath("/etc/hostname")

    seen = fleet.hosts(fanout=16).query(dict.fromkeys(names, Query((path,))))

    assert {name: each.files.contents.get(path) for name, each in seen.items()} == {
        name: f"{name}\n".encode() for name in names
    }
