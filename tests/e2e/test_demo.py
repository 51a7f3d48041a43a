# SPDX-License-Identifier: Apache-2.0
"""`make demo` as a person runs it; what it prints is held against what it must be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ibstack.fabric.guid import Guid

# The first start on a machine prepares the database.
pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[2]
IBSTACK = str(Path(sys.executable).with_name("ibstack"))


@pytest.fixture(scope="module")
def demo() -> str:
    with tempfile.TemporaryDirectory(prefix="ibstack-") as folder:
        done = subprocess.run(
            [IBSTACK, "lab", "demo", "--lab", f"{folder}/lab"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not processes_with(folder)
    return done.stdout


def processes_with(text: str) -> list[str]:
    """Return the command lines of the processes that name *text*."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if text in line:
                found.append(line)
    return found


def rows(text: str, *words: str) -> list[list[str]]:
    """Return the cells of the table rows that hold all of *words*."""
    lines = [line for line in text.splitlines() if all(word in line for word in words)]
    return [[cell for cell in re.split(r"[\s|]+", line) if cell] for line in lines]


def section(text: str, title: str) -> str:
    """Return what stands below the title that starts with *title*."""
    _, found, rest = text.partition(f"\n{title}")
    assert found, f"no section {title!r} in:\n{text}"
    return re.split(r"\n\n[^\n]+\n-{5,}\n", rest, maxsplit=1)[0]


MACHINES = {"vnode001": ("node002", 0x8001), "vnode002": ("node003", 0x8001)}


def test_every_agent_is_alive(demo: str) -> None:
    agents = section(demo, "The agents")

    assert len(rows(agents, "ibstack-agent", ":-)")) == 2
    assert len(rows(agents, "ibstack-fabricd", ":-)")) == 2
    assert "XXX" not in agents


def test_each_machine_is_active_with_the_guid_of_its_mac_and_the_key_of_its_network(
    demo: str,
) -> None:
    ports = section(demo, "The ports")
    for name, (host, entry) in {**MACHINES, "vnode003": ("node002", 0x8002)}.items():
        (row,) = rows(ports, name)
        mac = next(cell for cell in row if re.fullmatch(r"(..:){5}..", cell))
        assert host in row
        assert str(Guid.from_mac(mac)) in row
        assert f"0x{entry:04x}" in row
        assert row[-1] == "ACTIVE"


def test_the_fabric_holds_each_key_where_a_machine_uses_it_and_nowhere_else(demo: str) -> None:
    tables = section(demo, "The P_Key table of every port")
    holders = {
        key: {row[0] for row in rows(tables, f"0x{key:04x}") if row[0].startswith("node")}
        for key in (0x8001, 0x8002)
    }

    assert holders[0x8001] >= {"node002"}
    assert any(name.startswith("node003-vf") for name in holders[0x8001])
    assert len(holders[0x8001]) == 2
    assert holders[0x8002] == {"node002"}
    assert "0xffff" in tables  # The subnet managers' own ports, and only those.
    assert {row[0] for row in rows(tables, "0xffff")} == {"head", "node001"}


def test_the_key_of_a_deleted_machine_leaves_the_tables(demo: str) -> None:
    after = section(demo, "vnode003 is deleted")

    assert not rows(after, "0x8002")
    assert len(rows(after, "0x8001")) == 2
