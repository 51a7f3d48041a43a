# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from ibstack_lab.folder import LabFolder
from ibstack_lab.process import ProcessFailed, end_all
from ibstack_lab.startup import Component, Startup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ibstack_lab.process import Process


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabFolder]:
    folder = LabFolder(tmp_path)
    yield folder
    end_all(folder.pid_files)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def startup(said: list[str]) -> Startup:
    return Startup(said.append)


def python(lab: LabFolder, name: str, program: str = "") -> Process:
    return lab.process(name, (sys.executable, "-c", f"import time\n{program}\ntime.sleep(300)"))


def writes(lab: LabFolder, name: str) -> Component:
    """A process that is ready when it has written a file."""
    written = lab.root / name
    return Component(python(lab, name, f"open({str(written)!r}, 'w')"), written.exists)


def test_each_component_is_named_when_it_is_ready(
    lab: LabFolder, startup: Startup, said: list[str]
) -> None:
    startup.launch(writes(lab, "one"), writes(lab, "two"))
    startup.wait()

    assert {line.split("s  ")[1] for line in said} == {"one is ready", "two is ready"}


def test_one_component_can_be_waited_for_while_another_is_on_its_way(
    lab: LabFolder, startup: Startup
) -> None:
    slow = Component(python(lab, "slow"), lambda: False)
    startup.launch(slow, writes(lab, "quick"))
    startup.wait("quick")

    assert startup.is_ready("quick")
    assert not startup.is_ready("slow")


def test_a_component_that_ends_stops_the_wait_for_all(lab: LabFolder, startup: Startup) -> None:
    startup.launch(
        Component(python(lab, "slow"), lambda: False),
        Component(python(lab, "broken", "raise SystemExit('no disk')"), lambda: False),
    )

    with pytest.raises(ProcessFailed, match=r"cannot run broken: it ended(.|\n)*no disk"):
        startup.wait()


def test_a_component_has_its_time_from_its_own_start(lab: LabFolder, startup: Startup) -> None:
    startup.launch(writes(lab, "first"))
    startup.wait()
    startup.launch(Component(python(lab, "late"), lambda: False, timeout_s=0.3))

    with pytest.raises(ProcessFailed, match=r"cannot run late: not ready after 0\.3 s"):
        startup.wait()
    assert startup.seconds >= 0.3


def test_a_component_that_runs_is_not_started_again(lab: LabFolder, startup: Startup) -> None:
    component = writes(lab, "once")
    startup.launch(component)
    startup.wait()
    pid = component.process.pid()
    startup.launch(component)

    assert component.process.pid() == pid
