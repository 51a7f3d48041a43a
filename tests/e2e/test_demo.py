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

    assert len(rows(agents, "ibstack-agent", ":-)")) == 3
    assert len(rows(agents, "neutron-dhcp-agent", ":-)")) == 1
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
    # node001 serves DHCP on both networks.
    assert len(holders[0x8001]) == 3
    assert holders[0x8002] == {"node001", "node002"}
    assert "0xffff" in tables  # The subnet managers' own ports, and only those.
    assert {row[0] for row in rows(tables, "0xffff")} == {"head", "node001"}


def test_the_key_of_a_deleted_machine_leaves_the_tables(demo: str) -> None:
    after = section(demo, "vnode003 is deleted")

    assert [row[0] for row in rows(after, "0x8002") if row[0].startswith("node")] == ["node001"]
    assert len(rows(after, "0x8001")) == 3


def test_each_guest_has_an_address_of_its_network_and_the_networks_mtu(demo: str) -> None:
    guests = section(demo, "The guests")
    for name, begins in (("vnode001", "192.168.80."), ("vnode003", "192.168.81.")):
        (row,) = rows(guests, name)
        assert row[3].startswith(begins)
        assert row[4] == "2044"
        assert row[5].startswith("20:")


def test_networkd_and_networkmanager_get_their_leases_on_every_network(demo: str) -> None:
    first = [row for row in rows(section(demo, "The guests"), "20:") if row]
    second = rows(section(demo, "Its other client"), "20:")

    clients = {(row[1], row[2]) for row in (*first, *second)}
    networks = ("ibnetwork", "othernetwork")
    assert clients == {(network, client) for network in networks for client in ("networkd", "nm")}
    for asked in second:
        # Hardware type and address, as the DHCP server's interface heard them.
        assert asked[3:5] == ["32", "none"]


def test_guests_reach_their_own_network_only(demo: str) -> None:
    pings = section(demo, "Pings")

    assert rows(pings, "vnode001 → vnode002", "answered")
    assert rows(pings, "vnode001 → vnode003", "no answer")
    assert rows(pings, "vnode002 → vnode003", "no answer")


def test_an_mpi_job_has_a_rank_in_each_of_two_guests(demo: str) -> None:
    job = section(demo, "mpirun on vnode001")

    (first,) = rows(job, "rank 0 on vnode001")
    (second,) = rows(job, "rank 1 on vnode002")
    assert first[-1] == second[5].rstrip(",")
    assert second[-1] == first[5].rstrip(",")


def test_guests_send_no_management_datagrams_and_a_host_does(demo: str) -> None:
    tried = section(demo, "Management datagrams")

    assert rows(tried, "head# ibhosts: 5 adapters")
    for name in ("vnode001", "vnode002", "vnode003"):
        assert len(rows(tried, f"{name}# ib", "fails: can't open")) == 3


def test_verify_finds_nothing_but_the_keys_that_the_lab_has_not(demo: str) -> None:
    checks = section(demo, "ibstack verify --all")

    failed = [line for line in checks.splitlines() if line.startswith("failed: ")]
    assert [line.partition(" not true that ")[2].partition(": found")[0] for line in failed] == [
        "the subnet manager's M_Key is not the default",
        "the keys of the subnet manager are not the defaults",
    ]
    assert " 4 failed, " in checks
