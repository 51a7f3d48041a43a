# SPDX-License-Identifier: Apache-2.0
"""One host with two ports and an OpenSM on each, both on one file, as Debian's PORTS=ALL has it.

ibsim lets a process reach one port only, and one OpenSM run on a node: so each port is an adapter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.partition import PartitionKey
from ibstack.subnet_manager.opensm.processes import OpenSmProcesses
from ibstack_lab.topology import ARTICLE
from one_reconciler import Keeper, Tenants

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ibstack_lab.fabric.simulated import Fabric

RED = PartitionKey(0x0101)
HEAD, OTHER, PF, PF5 = (host.port_guid for host in ARTICLE.hosts)
OURS = frozenset({HEAD, OTHER})


@pytest.fixture
def host(wires: Fabric) -> Fabric:
    """head's file is the other's too; head's OpenSM is master."""
    theirs = wires.partitions_conf("node001")
    theirs.unlink()
    theirs.symlink_to(wires.partitions_conf("head"))
    for name in ("head", "node001"):
        wires.start_subnet_manager(name)
    return wires


def keeper_at(host: Fabric, port: str, folder: Path) -> Keeper:
    return Keeper(host, port, Tenants(), folder / "state", own_ports=OURS)


def pids(host: Fabric) -> set[int | None]:
    return {host.subnet_manager(name).pid() for name in ("head", "node001")}


def test_both_are_found_and_told(host: Fabric) -> None:
    found = OpenSmProcesses(host.partitions_conf("head")).processes()

    assert {each.pid for each in found} == pids(host)


@pytest.mark.parametrize("port", ["head", "node001"])
def test_what_is_published_is_in_force_on_the_master_whichever_port_is_read_through(
    host: Fabric, tmp_path: Path, port: str
) -> None:
    keeper = keeper_at(host, port, tmp_path)
    keeper.tenants.boot("p1", PF, RED, shared=True)

    outcome = keeper.reconciler.once()

    assert outcome.failures == ()
    assert keeper.reconciler.status.role == "master"
    assert keeper.tenants.in_force == {"p1"}
    assert keeper.table(PF) == {"0x7fff", "0x8101"}
    assert keeper.reconciler.once().changed == 0


def test_without_knowing_the_hosts_ports_the_standby_would_wait_for_ever(
    host: Fabric, tmp_path: Path
) -> None:
    keeper = keeper_at(host, "node001", tmp_path)
    keeper.own_ports = frozenset()
    keeper.tenants.boot("p1", PF, RED, shared=True)

    keeper.reconciler.once()

    assert keeper.reconciler.status.role == "standby"
    assert keeper.tenants.told == []


@pytest.mark.parametrize("port", ["head", "node001"])
def test_the_other_one_takes_over_and_is_proved(host: Fabric, tmp_path: Path, port: str) -> None:
    keeper = keeper_at(host, port, tmp_path)
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.reconciler.once()

    host.kill_subnet_manager("head")
    keeper.tenants.boot("p2", PF5, RED)
    keeper.until(lambda: keeper.tenants.in_force == {"p1", "p2"}, limit_s=20)

    assert keeper.table(PF5) == {"0x7fff", "0x8101"}
    assert keeper.reconciler.status.role == "master"


def test_a_standby_on_another_port_of_this_host_is_one(host: Fabric, tmp_path: Path) -> None:
    host.stop_subnet_manager("node001")
    through = Keeper(
        host, "node002", Tenants(), tmp_path / "state", own_ports=frozenset({PF, OTHER})
    )
    through.reconciler.once()
    assert through.reconciler.status.role == "unknown"

    host.start_subnet_manager("node001")
    through.until(lambda: through.reconciler.status.role == "standby", limit_s=20)


def test_libibumad_names_the_ports_of_this_machine(
    wires: Fabric, on_fabric: Callable[..., str]
) -> None:
    words = "from ibstack.mad import local_port_guids; print(*sorted(map(str, local_port_guids())))"

    assert on_fabric("node001", "python", "-c", words).split() == [str(OTHER)]
