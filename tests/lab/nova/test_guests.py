# SPDX-License-Identifier: Apache-2.0
"""Guests follow the drivers of their domains, whoever is killed in between."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.errors import TryLater
from ibstack_lab.nova.guests import Guests

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VF = "0000:05:00.1"


class Host:
    """One host's folder, and what its guests did: a line in `log` for each."""

    def __init__(self, hosts: Path) -> None:
        self.hosts = hosts
        self.folder = hosts / "node002"
        self.log = hosts.parent / "log"
        self.log.touch()
        (self.folder / "guests").mkdir(parents=True)
        self.marker = self.folder / "guests" / VF
        self.up = self.folder / "guests-up" / VF
        self.guests = self.started()

    def started(self) -> Guests:
        return Guests(self.hosts, self._start, self._stop)

    def _start(self, up: Path, uuid: str) -> None:
        self._note(f"start {up.name} {uuid} {os.getpid()}")
        if uuid == "slow":
            time.sleep(60)
        if uuid == "broken":
            raise TryLater("cannot start it")

    def _stop(self, up: Path) -> None:
        assert up.exists()
        self._note(f"stop {up.name}")
        if (self.folder / "stuck").exists():
            raise TryLater("cannot stop it")

    def _note(self, line: str) -> None:
        with self.log.open("a") as log:
            log.write(f"{line}\n")

    def lines(self) -> list[str]:
        """Return what was done, without the processes' ids."""
        return [" ".join(line.split()[:3]) for line in self.log.read_text().splitlines()]

    def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline, self.lines()
            self.guests.tick()
            time.sleep(0.01)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "hosts")


def test_a_guest_starts_and_ends_with_its_driver(host: Host) -> None:
    host.marker.write_text("one\n")
    host.until(lambda: host.lines() == [f"start {VF} one"])
    assert host.up.exists()
    host.guests.tick()

    host.marker.unlink()
    host.until(lambda: not host.up.exists())

    assert host.lines() == [f"start {VF} one", f"stop {VF}"]


def test_another_domain_on_a_vf_has_a_guest_of_its_own(host: Host) -> None:
    host.marker.write_text("one\n")
    host.until(lambda: host.up.exists())

    host.marker.write_text("two\n")
    host.until(lambda: f"start {VF} two" in host.lines())

    assert host.lines() == [f"start {VF} one", f"stop {VF}", f"start {VF} two"]


def test_a_guest_that_is_still_starting_is_ended(host: Host) -> None:
    host.marker.write_text("slow\n")
    host.until(lambda: bool(host.lines()))
    starting = int(host.log.read_text().split()[-1])

    host.marker.unlink()
    host.until(lambda: not host.up.exists())

    with pytest.raises(ProcessLookupError):
        os.kill(starting, signal.SIG_DFL)


def test_a_vf_is_free_when_its_guest_has_really_ended(host: Host) -> None:
    host.marker.write_text("one\n")
    host.until(lambda: host.up.exists())
    (host.folder / "stuck").touch()
    host.marker.unlink()
    host.until(lambda: host.lines().count(f"stop {VF}") == 2)
    assert host.up.exists()

    (host.folder / "stuck").unlink()
    host.until(lambda: not host.up.exists())


def test_a_guest_that_cannot_start_is_ended_like_any_other(host: Host) -> None:
    host.marker.write_text("broken\n")
    host.until(lambda: bool(host.lines()))
    assert host.up.exists()

    host.marker.unlink()
    host.until(lambda: not host.up.exists())


def test_guests_of_a_process_that_was_killed_begin_again(host: Host) -> None:
    host.marker.write_text("one\n")
    host.until(lambda: bool(host.lines()))

    host.guests = host.started()
    host.until(lambda: host.lines().count(f"start {VF} one") == 2)

    assert host.lines() == [f"start {VF} one", f"stop {VF}", f"start {VF} one"]


def test_a_file_that_is_being_written_is_no_driver(host: Host) -> None:
    (host.folder / "guests" / f".{VF}.new").write_text("one\n")
    host.guests.tick()

    assert host.lines() == []
