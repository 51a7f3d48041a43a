# SPDX-License-Identifier: Apache-2.0
"""A host speaks for itself only: beside a real OpenSM, whatever is reported in a host's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, PartitionKey
from ibstack.subnet_manager.reconcile.known_hosts import KnownHosts
from ibstack.subnet_manager.settings import Settings
from ibstack_lab.topology import ARTICLE
from one_reconciler import MANAGERS, Keeper, Tenants

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack_lab.fabric.simulated import Fabric

RED, BLUE = PartitionKey(0x0101), PartitionKey(0x0102)
_, _, VICTIM, THIEF = (host.port_guid for host in ARTICLE.hosts)


@pytest.fixture
def keeper(fabric: Fabric, tmp_path: Path) -> Keeper:
    return Keeper(fabric, "head", Tenants(), tmp_path / "state")


def test_a_known_hosts_new_port_is_admitted_after_an_order_only(keeper: Keeper) -> None:
    tenants = keeper.tenants
    tenants.boot("p1", VICTIM, RED, shared=True, host="node003")
    keeper.until(lambda: tenants.in_force == {"p1"})

    tenants.boot("p1", THIEF, RED, shared=True, host="node003")
    tenants.boot("p2", THIEF, RED, shared=True, host="node003")
    for _ in range(3):
        keeper.reconciler.once()

    assert keeper.table(THIEF) == {"0x7fff"}
    assert keeper.table(VICTIM) == {"0x7fff", "0x8101"}
    assert tenants.in_force == {"p1"}
    (problem,) = keeper.reconciler.status.problems
    assert f"host 'node003' reports port GUID {THIEF}, which is new there" in problem
    assert "partition accept-host" in problem

    # A fabricd that starts meanwhile takes nothing away and lets nothing in, either.
    again = Keeper(keeper.fabric, "head", tenants, keeper.state)
    again.until(lambda: again.reconciler.once().changed == 0)
    assert again.table(THIEF) == {"0x7fff"}
    assert again.table(VICTIM) == {"0x7fff", "0x8101"}

    KnownHosts(keeper.state, {}).accept("node003")
    again.until(lambda: tenants.in_force == {"p1", "p2"})
    again.until(lambda: again.table(VICTIM) == {"0x7fff"})
    assert again.table(THIEF) == {"0x7fff", "0x8101"}
    assert again.reconciler.status.problems == ()


def test_a_cable_that_is_moved_is_told_and_takes_nobody_down(keeper: Keeper) -> None:
    keeper.settings = Settings(DEFAULT_OWNED_KEYS, MANAGERS, audit_interval_s=0.2)
    keeper.__post_init__()
    tenants = keeper.tenants
    tenants.boot("p1", VICTIM, RED, shared=True)
    keeper.until(lambda: tenants.in_force == {"p1"})
    keeper.until(lambda: keeper.reconciler.status.problems == ())

    keeper.fabric.unlink("node002")
    # Nothing is plugged in there: the port is a VF's that is not up.
    cable = keeper.fabric._wiring.cables[ARTICLE.host("node003").vf_node(0)]
    free = cable.switch_port
    keeper.fabric._console(f'Link "node002"[1] "{cable.switch}"[{free}]', "move a cable")
    keeper.until(lambda: is_told(keeper, f"is at port {free} of switch"), limit_s=20)
    tenants.boot("p2", VICTIM, BLUE, shared=True)
    keeper.until(lambda: tenants.in_force == {"p1", "p2"}, limit_s=20)
    assert keeper.table(VICTIM) == {"0x7fff", "0x8101", "0x8102"}

    KnownHosts(keeper.state, {}).accept("node002")
    keeper.until(lambda: keeper.reconciler.status.problems == ())


def is_told(keeper: Keeper, words: str) -> bool:
    return any(words in problem for problem in keeper.reconciler.status.problems)


def test_the_port_of_another_host_is_never_taken_at_first_sight(keeper: Keeper) -> None:
    tenants = keeper.tenants
    tenants.hosts = {"node004": {THIEF: True}}
    keeper.reconciler.once()

    tenants.boot("p1", THIEF, RED, shared=True, host="node003")
    keeper.reconciler.once()

    assert keeper.table(THIEF) == {"0x7fff"}
    (problem,) = keeper.reconciler.status.problems
    assert f"port GUID {THIEF}, which is host 'node004''s" in problem
