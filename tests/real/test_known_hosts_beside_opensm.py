# SPDX-License-Identifier: Apache-2.0
"""A host speaks for itself only: beside a real OpenSM, whatever is reported in a host's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.partition import PartitionKey
from ibstack.subnet_manager.known_hosts import KnownHosts
from ibstack_lab.topology import ARTICLE
from one_reconciler import Keeper, Tenants

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack_lab.fabric.simulated import Fabric

RED = PartitionKey(0x0101)
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
    assert "--accept-host" in problem

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


def test_the_port_of_another_host_is_never_taken_at_first_sight(keeper: Keeper) -> None:
    tenants = keeper.tenants
    tenants.hosts = {"node004": {THIEF: True}}
    keeper.reconciler.once()

    tenants.boot("p1", THIEF, RED, shared=True, host="node003")
    keeper.reconciler.once()

    assert keeper.table(THIEF) == {"0x7fff"}
    (problem,) = keeper.reconciler.status.problems
    assert f"port GUID {THIEF}, which is host 'node004''s" in problem
