# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ibstack_lab.process import Process, ProcessFailed, end_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLEEPS = "import time; time.sleep(300)"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    end_all(tmp_path / "run")


def python(lab: Path, name: str, program: str) -> Process:
    argv = (sys.executable, "-c", program)
    return Process(name, argv, lab / "log" / f"{name}.log", lab / "run" / f"{name}.pid")


def wait_until(true: Callable[[], object], within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"


def runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def child_of(process: Process, lab: Path) -> int:
    """Return the number that the process wrote to the file `child`, once it has."""
    written = lab / "child"
    wait_until(lambda: written.exists() and written.read_text().endswith("."))
    return int(written.read_text().rstrip("."))


def parent_of_a_child(lab: Path, before: str = "") -> str:
    """Return a program whose child runs *before*, tells its number and goes on for ever."""
    return f"""
import os, time
if os.fork() == 0:
    {before or "pass"}
    open({str(lab / "child")!r}, "w").write(f"{{os.getpid()}}.")
time.sleep(300)
"""


def test_a_process_that_ends_while_it_is_waited_for_shows_its_last_words(lab: Path) -> None:
    process = python(lab, "short", "print('first'); raise SystemExit('no such table: ports')")
    process.start()

    with pytest.raises(ProcessFailed) as failure:
        process.wait_until(lambda: False, timeout_s=20)

    assert str(failure.value).startswith("cannot run short: it ended; the last lines of ")
    assert "    no such table: ports" in str(failure.value)


def test_a_process_that_is_not_ready_in_time_is_named(lab: Path) -> None:
    process = python(lab, "slow", SLEEPS)
    process.start()

    with pytest.raises(ProcessFailed, match=r"cannot run slow: not ready after 0\.1 s"):
        process.wait_until(lambda: False, timeout_s=0.1)


def test_a_program_that_is_not_installed_fails_in_a_sentence(lab: Path) -> None:
    process = Process("ghost", ("no-such-program",), lab / "log/ghost.log", lab / "run/ghost.pid")

    with pytest.raises(ProcessFailed, match=r"cannot run ghost: .*no-such-program"):
        process.start()


def test_another_command_finds_a_process_by_its_pid_file(lab: Path) -> None:
    python(lab, "found", SLEEPS).start()

    assert python(lab, "found", "").running()
    assert not python(lab, "other", "").running()


def test_starting_twice_leaves_one_process(lab: Path) -> None:
    process = python(lab, "once", SLEEPS)
    process.start()
    pid = process.pid()
    process.start()

    assert process.pid() == pid


def test_stopping_twice_is_harmless(lab: Path) -> None:
    process = python(lab, "twice", SLEEPS)
    process.start()
    process.stop()
    process.stop()

    assert not process.running()
    assert not process.pid_file.exists()


def test_a_process_that_ignores_the_polite_signal_is_killed(lab: Path) -> None:
    deaf = f"import signal; signal.signal({int(signal.SIGTERM)}, signal.SIG_IGN); print('deaf')"
    process = python(lab, "deaf", f"{deaf}; {SLEEPS}")
    process.start()
    wait_until(process.running)

    process.stop(timeout_s=0.2)

    assert not process.running()


def test_stop_ends_the_whole_session(lab: Path) -> None:
    process = python(lab, "parent", parent_of_a_child(lab))
    process.start()
    child = child_of(process, lab)

    process.stop()

    assert not runs(child)


def test_stop_ends_the_children_of_a_process_that_was_killed(lab: Path) -> None:
    process = python(lab, "parent", parent_of_a_child(lab))
    process.start()
    child = child_of(process, lab)
    process.signal(signal.SIGKILL)
    wait_until(lambda: not process.running())

    process.stop()

    assert not runs(child)


def test_stop_ends_a_child_that_began_a_session_of_its_own(lab: Path) -> None:
    process = python(lab, "parent", parent_of_a_child(lab, "os.setsid()"))
    process.start()
    child = child_of(process, lab)
    process.signal(signal.SIGKILL)
    wait_until(lambda: not process.running())

    process.stop()

    assert not runs(child)


def test_a_number_that_was_given_to_another_process_is_left_alone(lab: Path) -> None:
    process = python(lab, "reused", SLEEPS)
    process.start()
    pid = process.pid()
    assert pid is not None
    elsewhere = Process("later", (), lab / "log/later.log", lab / "run/later.pid")
    elsewhere.pid_file.write_text(f"{pid} 1\n")

    assert not elsewhere.running()
    elsewhere.stop()
    assert runs(pid)


def test_everything_of_a_folder_ends_even_where_the_pid_file_is_lost(lab: Path) -> None:
    kept, lost = python(lab, "kept", SLEEPS), python(lab, "lost", SLEEPS)
    kept.start()
    lost.start()
    pids = (kept.pid(), lost.pid())
    # A mark is there once the program has been executed.
    wait_until(lambda: all(b"IBSTACK_LAB" in environment(pid) for pid in pids))
    lost.pid_file.unlink()

    end_all(lab / "run")

    assert not any(runs(pid) for pid in pids if pid)


def environment(pid: int | None) -> bytes:
    with open(f"/proc/{pid}/environ", "rb") as file:
        return file.read()


def test_nothing_of_another_folder_is_ended(
    lab: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    process = python(other, "theirs", SLEEPS)
    process.start()
    end_all(lab / "run")

    assert process.running()
    process.stop()


def test_an_unreadable_pid_file_means_that_nothing_runs(lab: Path) -> None:
    process = python(lab, "half", "")
    process.pid_file.parent.mkdir()
    process.pid_file.write_text("12")

    assert not process.running()
    process.stop()
    assert os.listdir(process.pid_file.parent) == []
