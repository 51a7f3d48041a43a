# SPDX-License-Identifier: Apache-2.0
"""Finding OpenSM, in a tree that looks like /proc; reloading processes that are really there."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from ibstack.fabric.errors import CommandFailed, TryLater
from ibstack.runtime.waiting import wait_until
from ibstack.subnet_manager.opensm.process import OpenSmProcess
from ibstack.subnet_manager.opensm.processes import OpenSmProcesses

CAUGHT = "Name:\topensm\nNSpid:\t9\nSigCgt:\t0000000000000001\n"
IN_A_CONTAINER = CAUGHT.replace("NSpid:\t9", "NSpid:\t9\t1")


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


def found(file: Path, proc: Proc, pid_file: Path | None = None) -> list[int]:
    return [each.pid for each in OpenSmProcesses(file, pid_file, proc=proc.root).processes()]


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
        ("opensm", "-Pconfig", "{file}"),
        ("opensm", "--Pconf={file}"),
        ("opensm", "-P={file}"),
        ("opensm", "-P", "/other", "-F", "{folder}/opensm.conf", "-P", "{file}"),
        ("opensm", "-F", "/other", "-conf={folder}/opensm.conf"),
        ("opensm", "-F", "{folder}/quoted.conf"),
    ],
)
def test_it_is_found_by_the_partitions_file_that_it_reads(
    proc: Proc, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    file = tmp_path / "partitions.conf"
    (tmp_path / "opensm.conf").write_text(
        f"# options\nsm_priority 3\npartition_config_file /other\npartition_config_file {file}\n"
    )
    (tmp_path / "quoted.conf").write_text(f'partition_config_file\t"{file}" # ours\n')
    proc.add(7, "opensm", "-P", "/other/partitions.conf")
    proc.add(8, "grep", "-P", str(file), comm="grep")
    proc.add(9, *(word.format(file=file, folder=tmp_path) for word in argv), cwd=tmp_path)

    assert found(file, proc) == [9]


def test_without_options_it_reads_where_opensm_looks_by_default(proc: Proc, tmp_path: Path) -> None:
    proc.add(9, "opensm", "-F", str(tmp_path / "none.conf"))

    assert found(Path("/etc/opensm/partitions.conf"), proc) == [9]
    assert found(tmp_path / "partitions.conf", proc) == []


def test_a_build_says_where_it_looks_by_default(proc: Proc, tmp_path: Path) -> None:
    program = tmp_path / "opensm"
    program.write_text(
        "\0--config, -F <file-name>\n   When not specified\n   /etc/rdma/opensm.conf will be used"
        " (if exists).\n\0--Pconfig, -P <file>\n   The default name is '/etc/rdma/some.conf'.\n\0"
    )
    proc.add(9, str(program), "-B", "-F", "/etc/rdma/opensm.conf.1")

    assert found(Path("/etc/rdma/some.conf"), proc) == [9]
    assert found(Path("/etc/opensm/partitions.conf"), proc) == []


def test_where_the_build_is_not_known_it_may_read_either_usual_file(
    proc: Proc, tmp_path: Path
) -> None:
    proc.add(9, str(tmp_path / "opensm"), "-F", "/etc/rdma/opensm.conf.1")

    for folder in ("opensm", "rdma"):
        assert found(Path(f"/etc/{folder}/partitions.conf"), proc) == [9]


def test_a_file_whose_name_begins_with_an_equals_sign_is_none(proc: Proc, tmp_path: Path) -> None:
    (tmp_path / "o.conf").write_text(f"partition_config_file {tmp_path}/p\n")
    proc.add(9, "opensm", f"-F={tmp_path}/o.conf")

    assert found(tmp_path / "p", proc) == []
    assert found(Path("/etc/opensm/partitions.conf"), proc) == [9]


def test_all_that_read_it_are_found_in_the_order_of_their_numbers(
    proc: Proc, tmp_path: Path
) -> None:
    file = tmp_path / "p"
    for pid in (1000, 999, 20):
        proc.add(pid, "opensm", "-g", hex(pid), "-P", str(file))
    proc.add(21, comm="opensm")  # A zombie.

    assert found(file, proc) == [20, 999, 1000]


def test_one_with_another_root_reads_another_file_of_that_name(proc: Proc, tmp_path: Path) -> None:
    file, inside = tmp_path / "p", tmp_path / "inside"
    inside.joinpath(file.relative_to("/")).parent.mkdir(parents=True)
    file.touch()
    for pid, root in ((8, inside), (9, Path("/"))):
        proc.add(pid, "opensm", "-P", str(file))
        (proc.root / str(pid) / "root").symlink_to(root)
    assert found(file, proc) == [9]

    inside.joinpath(file.relative_to("/")).hardlink_to(file)
    assert found(file, proc) == [8, 9]


def test_one_in_a_container_that_cannot_be_looked_into_is_told_where_there_is_no_other(
    proc: Proc, tmp_path: Path
) -> None:
    file = tmp_path / "p"
    proc.add(8, "opensm", "-P", str(file))
    (proc.root / "8/status").write_text(IN_A_CONTAINER)
    assert found(file, proc) == [8]

    proc.add(9, "opensm", "-P", str(file))
    assert found(file, proc) == [9]


def test_a_file_that_is_not_there_yet_is_known_by_its_folder(proc: Proc, tmp_path: Path) -> None:
    proc.add(9, "opensm", "-P", str(tmp_path / "p"))
    (proc.root / "9/root").symlink_to("/")

    assert found(tmp_path / "p", proc) == [9]
    assert found(tmp_path / "q", proc) == []


@pytest.mark.parametrize(
    ("content", "pids"), [("9\n", [9]), ("9 12345\n", [9]), ("8\n", []), ("", []), ("x", [])]
)
def test_a_pid_file_is_believed_only_where_that_is_opensm(
    proc: Proc, tmp_path: Path, content: str, pids: list[int]
) -> None:
    proc.add(8, "bash", comm="bash")
    proc.add(9, "opensm")
    pid_file = tmp_path / "pid"
    pid_file.write_text(content)

    assert found(tmp_path / "p", proc, pid_file) == pids


def others(proc: Proc, pid: int, uids: str = "65534\t65534\t65534\t65534") -> None:
    (proc.root / str(pid) / "status").write_text(f"{CAUGHT}Uid:\t{uids}\n")


@pytest.mark.parametrize("uids", ["65534\t65534\t65534\t65534", "65534\t0\t0\t0", "0\t0\t65534\t0"])
def test_a_process_of_another_user_is_not_taken_for_opensm(
    proc: Proc, tmp_path: Path, uids: str
) -> None:
    """Its name and its command line are whatever its user likes."""
    file = tmp_path / "partitions.conf"
    proc.add(8, "opensm", "-P", str(file))
    others(proc, 8, uids)
    opensm = OpenSmProcesses(file, proc=proc.root)

    assert opensm.knows_vports() is None
    with pytest.raises(TryLater, match="process 8 is named opensm and is another user's"):
        opensm.reload()

    proc.add(9, "opensm", "-P", str(file))
    others(proc, 9, "0\t0\t0\t0")
    assert found(file, proc) == [9]


@pytest.mark.parametrize(
    ("mode", "gid", "uid", "pids"),
    [
        (0o755, 0, 0, [9]),
        (0o775, 0, 0, [9]),
        (0o757, 0, 0, []),
        (0o775, 65534, 0, []),
        (0o755, 0, 65534, []),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="files of other users")
def test_a_program_that_others_may_write_is_not_opensm(
    proc: Proc, tmp_path: Path, mode: int, gid: int, uid: int, pids: list[int]
) -> None:
    program = tmp_path / "opensm"
    program.write_bytes(b"program")
    os.chown(program, uid, gid)
    program.chmod(mode)
    proc.add(9, "opensm", "-P", str(tmp_path / "p"))
    (proc.root / "9/exe").symlink_to(program)

    assert found(tmp_path / "p", proc) == pids


@pytest.mark.skipif(os.geteuid() != 0, reason="files of other users")
def test_a_pid_file_vouches_for_who_wrote_it_alone(proc: Proc, tmp_path: Path) -> None:
    proc.add(9, "opensm")
    others(proc, 9)
    pid_file = tmp_path / "pid"
    pid_file.write_text("9\n")

    assert found(tmp_path / "p", proc, pid_file) == []
    os.chown(pid_file, 65534, 0)
    assert found(tmp_path / "p", proc, pid_file) == [9]


@pytest.mark.real
def test_a_real_process_of_nobody_is_left_alone(tmp_path: Path) -> None:
    """It has the name of OpenSM and the file on its command line, as any user may have."""
    file = tmp_path / "partitions.conf"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        program = shutil.copy(os.path.realpath("/bin/sh"), Path(folder) / "opensm")
        argv = [program, "-c", "read line", "-P", str(file)]
        users = 65534, 0
        started = [subprocess.Popen(argv, stdin=subprocess.PIPE, user=user) for user in users]
        try:
            stranger, ours = (each.pid for each in started)
            assert OpenSmProcess(Path("/proc") / str(stranger)).reads(file)
            assert found(file, Proc(Path("/proc"))) == [ours]
        finally:
            for each in started:
                each.communicate()


def test_words_are_found_wherever_they_stand_in_a_large_program(proc: Proc, tmp_path: Path) -> None:
    """Also where two pieces meet that it is read in."""
    file, program = tmp_path / "p", tmp_path / "opensm"
    proc.add(9, str(program), "-P", str(file))
    for place in (1 << 20, 3 << 20):
        program.write_bytes(b"\0" * (place - 5) + b"virt_enabled" + b"\0" * 100)
        assert OpenSmProcesses(file, proc=proc.root).knows_vports() is True


@pytest.mark.parametrize(("program", "answer"), [(b"..virt_enabled..", True), (b"plain", False)])
def test_whether_it_knows_virtual_ports_is_read_from_its_program(
    proc: Proc, tmp_path: Path, program: bytes, answer: bool
) -> None:
    file = tmp_path / "partitions.conf"
    (tmp_path / "opensm").write_bytes(program)
    proc.add(9, str(tmp_path / "opensm"), "-P", str(file))

    assert OpenSmProcesses(file, proc=proc.root).knows_vports() is answer
    assert OpenSmProcesses(tmp_path / "other", proc=proc.root).knows_vports() is None


def test_where_none_runs_that_is_said(proc: Proc, tmp_path: Path) -> None:
    with pytest.raises(TryLater, match="none runs here"):
        OpenSmProcesses(tmp_path / "p", proc=proc.root).reload()


def is_asleep(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text() == "sleep\n"


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Three processes that a SIGHUP ends."""
    started = [
        subprocess.Popen(["env", "--default-signal=HUP", "sleep", "60"], start_new_session=True)
        for _ in range(3)
    ]
    for process in started:  # Before, a SIGHUP may be ignored, as below nohup.
        assert wait_until(partial(is_asleep, process.pid), 10)
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_every_one_is_told_and_who_is_not_ready_is_named(
    proc: Proc, tmp_path: Path, sleepers: list[subprocess.Popen[bytes]]
) -> None:
    file = tmp_path / "partitions.conf"
    for process in sleepers:
        proc.add(process.pid, "opensm", "-P", str(file))
    first, second, third = sorted(sleepers, key=lambda each: each.pid)
    early = proc.root / str(first.pid) / "status"
    early.write_text("SigCgt:\t0000000000004202\n")

    with pytest.raises(TryLater, match=rf": process {first.pid} has only just started$"):
        OpenSmProcesses(file, proc=proc.root).reload()
    assert [each.wait(10) for each in (second, third)] == [-signal.SIGHUP] * 2
    assert first.poll() is None

    for process in (second, third):
        shutil.rmtree(proc.root / str(process.pid))
    early.write_text(CAUGHT)
    OpenSmProcesses(file, proc=proc.root).reload()
    assert first.wait(10) == -signal.SIGHUP


def test_one_that_has_ended_is_named(
    proc: Proc, tmp_path: Path, sleepers: list[subprocess.Popen[bytes]]
) -> None:
    file = tmp_path / "partitions.conf"
    gone = sleepers[0]
    proc.add(gone.pid, "opensm", "-P", str(file))
    gone.kill()
    gone.wait()

    with pytest.raises(TryLater, match=f"process {gone.pid} has just ended"):
        OpenSmProcesses(file, proc=proc.root).reload()


def test_a_reload_command_runs_without_a_shell(tmp_path: Path) -> None:
    mark = tmp_path / "a b; touch c"

    OpenSmProcesses(tmp_path / "p", reload_command=("touch", str(mark))).reload()

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
        OpenSmProcesses(tmp_path / "p", reload_command=command).reload()
