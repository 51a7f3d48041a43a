# SPDX-License-Identifier: Apache-2.0
"""Finding OpenSM, in a tree that looks like /proc; reloading processes that are really there."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ibstack.fabric.errors import CommandFailed, TryLater
from ibstack.subnet_manager.opensm import OpenSm

CAUGHT = "Name:\topensm\nSigCgt:\t0000000000000001\n"


class Proc:
    """A tree with processes in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, pid: int, *argv: str, comm: str = "opensm", cwd: Path | None = None) -> None:
        folder = self.root / str(pid)
        folder.mkdir()
        (folder / "comm").write_text(f"{comm}\n")
        (folder / "cmdline").write_bytes("\0".join([*argv, ""]).encode())
        (folder / "status").write_text(CAUGHT)
        if cwd is not None:
            (folder / "cwd").symlink_to(cwd)


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    root = tmp_path / "proc"
    root.mkdir()
    (root / "self").mkdir()
    return Proc(root)


@pytest.mark.parametrize(
    "argv",
    [
        ("opensm", "-P", "{file}"),
        ("opensm", "-P{file}"),
        ("opensm", "--Pconfig", "{file}"),
        ("/usr/sbin/opensm", "--Pconfig={file}", "-B"),
        ("opensm", "-P", "partitions.conf"),
        ("opensm", "-F", "{folder}/opensm.conf"),
        ("opensm", "--config=opensm.conf"),
    ],
)
def test_it_is_found_by_the_partitions_file_that_it_reads(
    proc: Proc, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    file = tmp_path / "partitions.conf"
    (tmp_path / "opensm.conf").write_text(
        f"# options\nsm_priority 3\npartition_config_file {file}\n"
    )
    proc.add(7, "opensm", "-P", "/other/partitions.conf")
    proc.add(8, "grep", "-P", str(file), comm="grep")
    proc.add(9, *(word.format(file=file, folder=tmp_path) for word in argv), cwd=tmp_path)

    assert OpenSm(file, proc=proc.root).pid() == 9


def test_without_options_it_reads_where_opensm_looks_by_default(proc: Proc, tmp_path: Path) -> None:
    proc.add(9, "opensm", "-F", str(tmp_path / "none.conf"))

    assert OpenSm(Path("/etc/opensm/partitions.conf"), proc=proc.root).pid() == 9
    assert OpenSm(tmp_path / "partitions.conf", proc=proc.root).pid() is None


@pytest.mark.parametrize(
    ("content", "found"), [("9\n", 9), ("9 12345\n", 9), ("8\n", None), ("", None), ("x", None)]
)
def test_a_pid_file_is_believed_only_where_that_is_opensm(
    proc: Proc, tmp_path: Path, content: str, found: int | None
) -> None:
    proc.add(8, "bash", comm="bash")
    proc.add(9, "opensm")
    pid_file = tmp_path / "pid"
    pid_file.write_text(content)

    assert OpenSm(tmp_path / "p", pid_file, proc=proc.root).pid() == found


@pytest.mark.parametrize(("program", "answer"), [(b"..virt_enabled..", True), (b"plain", False)])
def test_whether_it_knows_virtual_ports_is_read_from_its_program(
    proc: Proc, tmp_path: Path, program: bytes, answer: bool
) -> None:
    file = tmp_path / "partitions.conf"
    (tmp_path / "opensm").write_bytes(program)
    proc.add(9, str(tmp_path / "opensm"), "-P", str(file))

    assert OpenSm(file, proc=proc.root).knows_vports() is answer
    assert OpenSm(tmp_path / "other", proc=proc.root).knows_vports() is None


def test_where_none_runs_that_is_said(proc: Proc, tmp_path: Path) -> None:
    with pytest.raises(TryLater, match="none runs here"):
        OpenSm(tmp_path / "p", proc=proc.root).reload()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["env", "--default-signal=HUP", "sleep", "60"]) as process:
        yield process
        process.kill()


def test_one_that_has_no_handler_yet_gets_no_signal(
    proc: Proc, tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    file = tmp_path / "partitions.conf"
    proc.add(sleeper.pid, "opensm", "-P", str(file))
    (proc.root / str(sleeper.pid) / "status").write_text("SigCgt:\t0000000000004202\n")

    with pytest.raises(TryLater, match="only just started"):
        OpenSm(file, proc=proc.root).reload()
    assert sleeper.poll() is None

    (proc.root / str(sleeper.pid) / "status").write_text(CAUGHT)
    OpenSm(file, proc=proc.root).reload()
    assert sleeper.wait(10) == -signal.SIGHUP


def test_a_reload_command_runs_without_a_shell(tmp_path: Path) -> None:
    mark = tmp_path / "a b; touch c"

    OpenSm(tmp_path / "p", reload_command=("touch", str(mark))).reload()

    assert mark.exists()
    assert os.listdir(tmp_path) == [mark.name]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("/no/such/program",), "exited 127"),
        ((sys.executable, "-c", "raise SystemExit('cannot reach sm1')"), "cannot reach sm1"),
    ],
)
def test_a_reload_command_that_fails_says_why(
    tmp_path: Path, command: tuple[str, ...], says: str
) -> None:
    with pytest.raises(CommandFailed, match=says):
        OpenSm(tmp_path / "p", reload_command=command).reload()
