# SPDX-License-Identifier: Apache-2.0
"""The master is killed: tenants stay where they are, and only who knows today's state says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from faults.failover import Bound, Sampler

if TYPE_CHECKING:
    from pathlib import Path

    from one_fabricd import Fabricd

ACKNOWLEDGES_WITHIN_S: Final = 5.0
"""After OpenSM's takeover: issue 5."""
_LIMIT_S: Final = 60.0
"""For a machine that is busy with other tests."""


@pytest.mark.timeout(180)
def test_with_1000_ports_bound_no_table_changes_and_the_standby_acknowledges(
    tmp_path: Path,
) -> None:
    with Bound(tmp_path, 1000).running() as bound, Sampler(bound) as sampler:
        assert all(key | 0x8000 in sampler.first[node] for node, key in _keys(bound))

        bound.kill_the_master()
        bound.wait_for_the_takeover()
        bound.standby.until(lambda: bound.standby.in_force() == bound.ports, ACKNOWLEDGES_WITHIN_S)

    assert sampler.changes == []
    assert sampler.readings >= 2


def test_a_standby_with_an_old_file_is_alarmed_and_acknowledges_nothing_when_it_takes_over(
    tmp_path: Path,
) -> None:
    with Bound(tmp_path, 4).running() as bound:
        master, standby = bound.master, bound.standby
        moved = [*bound.members[:3], (*bound.members[3][:2], "0x0777")]
        (standby.folder / "away").touch()
        for daemon in (master, standby):
            daemon.want(*moved)
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


def problem(daemon: Fabricd) -> str:
    """Return the first problem of its last heartbeat; empty where it has none."""
    beat = daemon.heartbeat()
    return next(iter(beat["configurations"].get("problems", [])), "")


def _keys(bound: Bound) -> list[tuple[str, int]]:
    keys = [int(key, 16) for _, _, key in bound.members]
    return list(zip(bound.nodes, keys, strict=True))
