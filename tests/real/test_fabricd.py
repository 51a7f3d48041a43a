# SPDX-License-Identifier: Apache-2.0
"""The daemon itself: a process beside a real OpenSM, with a Neutron that lives in a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from ibstack_lab.topology import ARTICLE
from one_fabricd import PROGRAM, Fabricd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ibstack.fabric.guid import Guid
    from ibstack.mad import FabricReader
    from ibstack_lab.fabric.simulated import Fabric

HEAD, NODE1, NODE2, NODE3 = (host.port_guid for host in ARTICLE.hosts)


@pytest.fixture
def fabricd(fabric: Fabric, tmp_path: Path) -> Iterator[Fabricd]:
    with ExitStack() as running:
        daemon = Fabricd(fabric, tmp_path / "fabricd")
        running.callback(daemon.process.stop)
        daemon.process.start()
        yield daemon


def table(reader: FabricReader, guid: Guid) -> set[str]:
    port = reader.discover().ports[guid]
    found = reader.pkey_tables([port])[guid]
    assert isinstance(found, tuple), found
    return {str(entry) for entry in found if entry is not None}


def test_it_serves_ports_survives_kill_and_stops_at_once(
    fabricd: Fabricd, reader_at: Callable[[str], FabricReader]
) -> None:
    reader = reader_at("node001")
    fabricd.want(("p1", NODE2, "0x0101"))
    fabricd.until(lambda: fabricd.in_force() == {"p1"})
    assert table(reader, NODE2) == {"0x7fff", "0x8101"}
    fabricd.until(lambda: fabricd.heartbeat()["configurations"].get("role") == "master")
    beat = fabricd.heartbeat()
    assert beat["agent_type"] == "InfiniBand partition agent"
    assert beat["binary"] == "ibstack-fabricd"
    assert beat["configurations"]["physical_networks"] == ["ibhostnet"]

    fabricd.process.signal(signal.SIGKILL)
    fabricd.process.stop()
    fabricd.want(("p1", NODE2, "0x0101"), ("p2", NODE3, "0x0102"))
    fabricd.process.start()
    fabricd.until(lambda: fabricd.in_force() == {"p1", "p2"})
    assert table(reader, NODE3) == {"0x7fff", "0x8102"}

    fabricd.want()
    fabricd.until(lambda: table(reader, NODE2) == table(reader, NODE3) == {"0x7fff"})

    pid = fabricd.process.pid()
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    fabricd.until(lambda: not fabricd.process.running(), limit_s=10)
    assert "Traceback" not in fabricd.process.log.read_text()


def test_a_file_broken_by_hand_shows_in_the_heartbeat_until_it_is_restored(
    fabricd: Fabricd,
) -> None:
    path = fabricd.fabric.partitions_conf("head")
    fabricd.want(("p1", NODE2, "0x0101"))
    fabricd.until(lambda: fabricd.in_force() == {"p1"})
    path.write_text("oops\n")

    def problems() -> str:
        return " ".join(fabricd.heartbeat()["configurations"].get("problems", []))

    fabricd.until(lambda: f"{path}:1: no partition definition" in problems())
    assert path.read_text() == "oops\n"
    status, would, _ = fabricd.ibstack("restore", "--dry-run")
    assert status == 3
    assert would[0] == {"would_do": "-oops"}
    assert path.read_text() == "oops\n"

    status, (row,), _ = fabricd.ibstack("restore")
    assert status == 0
    assert row["ordered"].startswith("ordered: restore; ibstack-fabricd does it at its next pass")
    fabricd.until(lambda: "0x0101" in path.read_text() and not problems())
    assert fabricd.ibstack("restore", "--dry-run")[:2] == (0, [])


def test_the_orders_of_former_releases_are_options_that_say_so(fabricd: Fabricd) -> None:
    done = subprocess.run(
        [*fabricd.process.argv, "--allow-removals", "--accept-host", "node001"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "ordered: allow-removals" in done.stdout
    assert "ordered: accept-host 'node001'" in done.stdout
    assert done.stderr.count("`ibstack partition accept-host|allow-removals`") == 1


def test_the_standbys_file_is_equal_and_only_the_master_acknowledges(
    fabricd: Fabricd, fabric: Fabric, tmp_path: Path
) -> None:
    standby = Fabricd(fabric, tmp_path / "standby", "node001")
    try:
        standby.process.start()
        for daemon in (fabricd, standby):
            daemon.want(("p1", NODE2, "0x0101"))
        ours, theirs = (fabric.partitions_conf(host) for host in ("head", "node001"))
        fabricd.until(lambda: fabricd.in_force() == {"p1"})
        standby.until(lambda: standby.heartbeat()["configurations"].get("role") == "standby")
        for key in ("0x0102", "0x0103", "0x0104"):
            for daemon in (fabricd, standby):
                daemon.want(("p1", NODE2, key))
            fabricd.until(lambda key=key: key in ours.read_text())  # type: ignore[misc]
            standby.until(lambda: theirs.read_bytes() == ours.read_bytes(), limit_s=1.5)
        assert standby.in_force() == set()
    finally:
        standby.process.stop()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("owned_keys = 0x0001-0x7fff", "0x7ff0 and above are reserved"),
        ("full_default_members = zz", "GUID 'zz'"),
        ("physical_network =", "name the physical network"),
        ("max_removed_share = 2", "max_removed_share"),
        ("m_key = secret", "must be a number"),
    ],
)
def test_bad_settings_are_named_before_anything_starts(
    tmp_path: Path, setting: str, says: str
) -> None:
    conf = tmp_path / "fabricd.conf"
    conf.write_text(f"[fabric]\nphysical_network = ibhostnet\n{setting}\n")

    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path), "fabricd", "--config-file", str(conf)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 2
    assert says in done.stderr
    assert "secret" not in done.stderr


def test_the_command_line_tells_wishes_from_what_is_in_force(fabricd: Fabricd) -> None:
    fabricd.want(("p1", NODE2, "0x0101"), ("p2", NODE3, "0x0101"))
    fabricd.until(lambda: fabricd.in_force() == {"p1", "p2"})

    row = {"key": "0x0101", "members": 2, "full": 2, "limited": 0, "in_force": True}
    assert fabricd.ibstack("list")[:2] == (0, [row])
    status, members, _ = fabricd.ibstack("show", "0x0101")
    assert (status, [m["guid"] for m in members]) == (0, [str(NODE2), str(NODE3)])
    assert all(m["index"] > 0 and m["in_force"] for m in members)
    assert [m["host"] for m in members] == [f"host of {NODE2}", f"host of {NODE3}"]
    status, steps, said = fabricd.ibstack("plan")
    assert (status, steps) == (0, [])
    assert "nothing to do: 2 members" in said
    status, drift, said = fabricd.ibstack("audit")
    assert (status, drift) == (0, [])
    assert "no difference: 4 ports" in said

    fabricd.process.stop()
    fabricd.want(("p1", NODE2, "0x0102"))
    status, steps, _ = fabricd.ibstack("plan")
    assert status == 3
    assert [step["step"] for step in steps] == [
        f"expel {NODE2} from 0x0101",
        f"expel {NODE3} from 0x0101",
        f"admit {NODE2} to 0x0102 as full",
    ]
    status, drift, _ = fabricd.ibstack("audit")
    assert status == 3
    assert {(d["class"], d["guid"], d["entry"]) for d in drift} == {
        # The settings are those of head, and here is the standby's host.
        ("stale standby", None, None),
        ("missing", str(NODE2), "0x8102"),
        ("unexpected", str(NODE2), "0x8101"),
        ("unexpected", str(NODE3), "0x8101"),
    }
    status, members, _ = fabricd.ibstack("show", "0x0102")
    assert (status, members[0]["index"], members[0]["in_force"]) == (0, None, False)
    assert fabricd.ibstack("show", "0x8000")[0] == 2

    status, answer, said = fabricd.ibstack("list", attached=False)
    assert (status, answer[0]["in_force"]) == (0, None)
    assert "cannot read the fabric" in said
    assert fabricd.ibstack("audit", attached=False)[0] == 4


def test_the_plan_shows_all_that_would_be_published(fabricd: Fabricd) -> None:
    fabricd.want(("p1", NODE2, "0x0101"))
    fabricd.until(lambda: fabricd.in_force() == {"p1"})
    site = fabricd.folder / "site.conf"
    line = "mgmt=0x7ffa, ipoib, rate=7, mtu=4, defmember=full : ALL_CAS, SELF ;"
    site.write_text(f"{line}\n")
    conf, before = fabricd.conf, fabricd.conf.read_text()
    listed = f"full_default_members = {NODE3}, "
    more = before.replace("full_default_members = ", listed)
    conf.write_text(more.replace("poll_interval", f"site_partitions = {site}\npoll_interval", 1))

    status, steps, _ = fabricd.ibstack("plan")
    assert status == 3
    assert [step["step"] for step in steps] == [
        f"admit {NODE3} to 0x7fff as full",
        f"add the site's line: {line}",
    ]

    fabricd.process.stop()
    fabricd.process.start()
    path = fabricd.fabric.partitions_conf("head")
    fabricd.until(lambda: line in path.read_text() and f"{NODE3}=full" in path.read_text())
    fabricd.until(lambda: fabricd.ibstack("plan")[:2] == (0, []))

    conf.write_text(before)
    status, steps, _ = fabricd.ibstack("plan")
    assert (status, [step["step"] for step in steps]) == (
        3,
        [f"admit {NODE3} to 0x7fff as limited", f"remove the site's line: {line}"],
    )

    conf.write_text(more.replace("poll_interval", f"site_partitions = {site}\npoll_interval", 1))
    site.write_text("mgmt=0x7ffa,ipoib: mgid=ff12:401b::16\n ALL_CAS=full;\n")
    status, steps, said = fabricd.ibstack("plan")
    assert (status, steps) == (2, None)
    assert f"{site}:1: mgid=ff12:401b::16 has no flag behind it" in said
