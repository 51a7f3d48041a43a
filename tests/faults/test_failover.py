# SPDX-License-Identifier: Apache-2.0
"""The master is killed: tenants stay where they are, and only who knows today's state says so."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from faults.failover import Bound, Sampler
from faults.model import FULL
from ibstack.mad import FabricReader
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.simulated import SWITCH
from ibstack_lab.fabric.tamper import write_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from one_fabricd import Fabricd

ACKNOWLEDGES_WITHIN_S: Final = 5.0
"""After OpenSM's takeover: issue 5."""
DEFAULT: Final = 0x7FFF
SEVERAL: Final = 3
_LIMIT_S: Final = 60.0
"""For a machine that is busy with other tests."""
HANDIWORK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "edited": lambda text: text.replace(b"=0x0104", b"=0x0777"),
    "cut short": lambda text: text[: len(text) // 2],
}


@pytest.mark.timeout(400)
def test_with_1000_ports_bound_no_table_changes_and_the_standby_acknowledges(
    tmp_path: Path,
) -> None:
    with Bound(tmp_path, 1000).running() as bound, Sampler(bound) as sampler:
        assert not wrong_tables(bound, sampler.first)
        sampler.wait_for_a_reading()

        killed = time.monotonic()
        bound.kill_the_master()
        bound.wait_for_the_takeover()
        bound.standby.until(lambda: bound.standby.in_force() == bound.ports, ACKNOWLEDGES_WITHIN_S)
        acknowledged = time.monotonic()

        # What comes later may change tables, too: audits repair, and who comes back has ideas.
        bound.wait_for_the_audit()
        audited = time.monotonic()
        bound.bring_the_other_back()
        sampler.wait_for_a_reading()
        settled = time.monotonic()

    assert sampler.changes == []
    assert sampler.readings_between(0, killed) >= 1
    assert sampler.readings_between(killed, acknowledged) >= SEVERAL
    assert sampler.readings_between(acknowledged, audited) >= SEVERAL
    assert sampler.readings_between(audited, settled) >= SEVERAL


def test_one_entry_that_changes_is_noticed(tmp_path: Path) -> None:
    with Bound(tmp_path, 4).running() as bound, Sampler(bound) as sampler:
        (_, guid, _), node = bound.members[2], bound.nodes[2]
        with closing(Attachment(bound.fabric, SWITCH)) as line:
            write_entries(line, FabricReader(line), guid, {7: 0x8199})
        sampler.wait_for_a_reading()

    assert sampler.changes[0].startswith(f"{node}: ")


def test_a_standby_with_an_old_file_is_alarmed_and_acknowledges_nothing_when_it_takes_over(
    tmp_path: Path,
) -> None:
    with Bound(tmp_path, 4).running() as bound:
        master, standby = bound.master, bound.standby
        moved = [*bound.members[:3], (*bound.members[3][:2], "0x0777")]
        (standby.folder / "away").touch()
        for daemon in (master, standby):
            bound.want(daemon, moved)
        master.until(lambda: 0x8777 in bound.wires.tables(bound.nodes)[bound.nodes[3]], _LIMIT_S)
        assert not bound.files_are_equal()

        # Before it can harm.
        standby.until(
            lambda: problem(standby).startswith("stale standby: this host would"), _LIMIT_S
        )
        old = bound.fabric.partitions_conf(standby.host).read_bytes()
        bound.kill_the_master()
        bound.wait_for_the_takeover()
        standby.until(
            lambda: problem(standby).startswith("stale standby: this host took over"),
            _LIMIT_S,
        )
        beats = len(standby.told())
        standby.until(lambda: len(standby.told()) > beats + 1, _LIMIT_S)
        assert standby.in_force() == set()
        assert bound.fabric.partitions_conf(standby.host).read_bytes() == old

        # Neutron answers: its word goes, and not the old file's.
        (standby.folder / "away").unlink()
        standby.until(lambda: standby.in_force() == bound.ports, _LIMIT_S)
        assert 0x8777 in bound.wires.tables(bound.nodes)[bound.nodes[3]]
        standby.until(lambda: not problem(standby), _LIMIT_S)


@pytest.mark.parametrize("how", HANDIWORK)
def test_a_file_that_was_changed_by_hand_is_not_trusted_after_a_takeover_either(
    tmp_path: Path, how: str
) -> None:
    """Neutron answers all the time: its word is not what stands in the file."""
    with Bound(tmp_path, 4).running() as bound:
        standby = bound.standby
        path = bound.fabric.partitions_conf(standby.host)
        right = path.read_bytes()
        changed = HANDIWORK[how](right)
        assert changed != right
        path.write_bytes(changed)

        # Before it can harm.
        standby.until(
            lambda: problem(standby).startswith("stale standby: this host would"), _LIMIT_S
        )
        bound.kill_the_master()
        bound.wait_for_the_takeover()
        standby.until(lambda: role(standby) == "master", _LIMIT_S)
        beats = len(standby.told())
        standby.until(lambda: len(standby.told()) > beats + 3, _LIMIT_S)

        alarms = [
            "stale standby: " in "".join(said["configurations"]["problems"])
            for said in standby.told()[beats:]
            if "configurations" in said
        ]
        assert len(alarms) >= 3
        assert all(alarms)
        assert standby.in_force() == set()
        assert path.read_bytes() == changed

        # A person has looked at it.
        standby.order("--restore")
        standby.until(lambda: standby.in_force() == bound.ports, _LIMIT_S)
        assert not wrong_tables(bound, bound.wires.tables(bound.nodes))
        standby.until(lambda: not problem(standby), _LIMIT_S)


def problem(daemon: Fabricd) -> str:
    """Return the first problem of its last heartbeat; empty where it has none."""
    beat = daemon.heartbeat()
    return next(iter(beat["configurations"].get("problems", [])), "")


def role(daemon: Fabricd) -> str:
    """Return what its last heartbeat says that its subnet manager is."""
    return str(daemon.heartbeat()["configurations"].get("role"))


def wrong_tables(bound: Bound, tables: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return the nodes whose table has not just its port's partition, where its guest needs it."""
    wrong = []
    for node, (port, _, key) in zip(bound.nodes, bound.members, strict=True):
        first = int(key, 16) | FULL, DEFAULT
        held = first if port in bound.own else first[::-1]
        if tables[node] != (*held, *[0] * (len(tables[node]) - len(held))):
            wrong.append(f"{node}: {tables[node]} is not {held}")
    return wrong
