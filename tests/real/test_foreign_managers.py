# SPDX-License-Identifier: Apache-2.0
"""A third OpenSM, on a host that is none of the site's: standby, master, and with another SM_Key.

Seen on OpenSM 3.3.23: SMInfo tells the SM_Key to whoever asks; two of one key hand the fabric to
the one of higher priority, and two of different keys are both master and write over each other.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, PartitionKey
from ibstack.mad import NotKnown, Route
from ibstack.subnet_manager.observed.fabric_view import FabricView
from ibstack.subnet_manager.policy.drift import Drift, DriftClass
from ibstack.subnet_manager.settings import Settings
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.topology import ARTICLE, Topology
from one_fabricd import Fabricd
from one_reconciler import MANAGERS, Keeper, Tenants, said_of_drift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ibstack.mad import FabricReader

RED = PartitionKey(0x0101)
PF = ARTICLE.host("node002").port_guid
ROGUE = ARTICLE.host("node003")
OTHER_KEY = 0x1234567812345678


@pytest.fixture
def priority() -> int:
    """Below the site's own: head has 10."""
    return 1


@pytest.fixture
def wires(tmp_path: Path, priority: int) -> Iterator[Fabric]:
    """The article's fabric, and node003 can run an OpenSM that no file of the site's lists."""
    hosts = tuple(
        replace(host, subnet_manager_priority=priority) if host == ROGUE else host
        for host in ARTICLE.hosts
    )
    fabric = Fabric.of_lab(tmp_path, Topology(hosts))
    full = ", ".join(f"{guid}=full" for guid in sorted(MANAGERS))
    for host in hosts:
        path = fabric.partitions_conf(host.name)
        path.parent.mkdir(parents=True)
        path.write_text(f"Default=0x7fff,indx0: ALL=limited, ALL_SWITCHES=full, {full};\n")
    try:
        fabric.start()
        yield fabric
    finally:
        fabric.stop()


@dataclass
class Watcher(Keeper):
    """A keeper that audits often, of a site whose subnet managers are head's and node001's."""

    def __post_init__(self) -> None:
        self.settings = Settings(DEFAULT_OWNED_KEYS, MANAGERS, audit_interval_s=0.2)
        self.view_of = _Guarding
        super().__post_init__()

    @property
    def foreign(self) -> list[Drift]:
        drift = self.reconciler.status.drift or ()
        return [each for each in drift if each.kind is DriftClass.FOREIGN_MANAGER]


class _Guarding(FabricView):
    """Knows the site's managers, as the daemon's does."""

    def __init__(self, reader: object, own_ports: object) -> None:
        super().__init__(reader, own_ports, may_manage=MANAGERS)  # type: ignore[arg-type]


def start_site(fabric: Fabric) -> None:
    for host in ("head", "node001"):
        fabric.start_subnet_manager(host)


def start_rogue(fabric: Fabric, sm_key: int | None = None) -> None:
    with rogue_conf(fabric, sm_key):
        fabric.start_subnet_manager(ROGUE.name)


@contextmanager
def rogue_conf(fabric: Fabric, sm_key: int | None) -> Iterator[None]:
    """Give the rogue an SM_Key of its own: OpenSM reads its file at the start."""
    write = fabric._write_conf

    def with_key(host: object, priority: int) -> None:
        write(host, priority)  # type: ignore[arg-type]
        if host.name == ROGUE.name and sm_key is not None:  # type: ignore[attr-defined]
            path = fabric._folder(ROGUE.name) / "opensm.conf"
            path.write_text(path.read_text() + f"sm_key 0x{sm_key:x}\n")

    fabric._write_conf = with_key  # type: ignore[method-assign]
    try:
        yield
    finally:
        fabric._write_conf = write  # type: ignore[method-assign]


def test_a_standby_with_our_key_is_named_and_the_alarm_ends_with_it(
    wires: Fabric, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    start_site(wires)
    keeper = Watcher(wires, "head", Tenants(), tmp_path / "state")
    keeper.tenants.boot("p1", PF, RED, shared=True)
    keeper.until(lambda: keeper.tenants.in_force == {"p1"})
    keeper.until(lambda: keeper.reconciler.status.drift == ())

    start_rogue(wires)
    keeper.until(lambda: bool(keeper.foreign))

    (drift,) = keeper.foreign
    assert drift.kind.alarm
    assert not drift.repairable
    assert drift.guid == ROGUE.port_guid
    assert "node003 at port" in drift.detail
    assert drift.detail.endswith(": standby, with our SM_Key")
    assert keeper.tenants.in_force == {"p1"}

    wires.stop_subnet_manager(ROGUE.name)
    keeper.until(lambda: not keeper.foreign, limit_s=20)
    levels = [level for level, line in said_of_drift(caplog) if "foreign" in line]
    assert levels[0] == "ERROR"
    assert levels[-1] == "INFO"
    assert "0x" + f"{OTHER_KEY:x}" not in caplog.text


def test_a_second_master_has_another_key(wires: Fabric, tmp_path: Path) -> None:
    start_site(wires)
    keeper = Watcher(wires, "head", Tenants(), tmp_path / "state")
    keeper.until(lambda: keeper.reconciler.status.drift == ())

    start_rogue(wires, OTHER_KEY)
    keeper.until(lambda: bool(keeper.foreign), limit_s=20)

    (drift,) = keeper.foreign
    assert drift.guid == ROGUE.port_guid
    assert ", with another SM_Key" in drift.detail


@pytest.mark.parametrize("priority", [15])
def test_the_sites_standby_says_that_it_obeys_a_stranger(
    wires: Fabric, tmp_path: Path, priority: int
) -> None:
    start_rogue(wires)
    start_site(wires)
    standby = Watcher(wires, "head", Tenants(), tmp_path / "state")
    standby.tenants.boot("p1", PF, RED, shared=True)

    standby.until(lambda: bool(standby.foreign))

    assert standby.reconciler.status.role == "standby"
    (drift,) = standby.foreign
    assert drift.guid == ROGUE.port_guid
    assert "master, with our SM_Key; this host's port obeys it" in drift.detail
    assert str(drift) in standby.reconciler.status.problems
    assert standby.tenants.told == []


def test_the_key_is_told_and_never_shown(
    wires: Fabric, reader_at: Callable[[str], FabricReader]
) -> None:
    start_site(wires)
    start_rogue(wires, OTHER_KEY)
    reader = reader_at("head")
    way = Route(reader.discover().ports[ROGUE.port_guid].route)

    said = reader.subnet_manager_at(way)

    assert not isinstance(said, NotKnown)
    assert said.key == OTHER_KEY
    assert f"{OTHER_KEY:x}" not in repr(said)
    assert str(OTHER_KEY) not in repr(said)


def test_the_audit_names_it_and_takes_it_for_no_full_member(wires: Fabric, tmp_path: Path) -> None:
    start_site(wires)
    start_rogue(wires)
    daemon = Fabricd(
        wires, tmp_path / "fabricd", settings="audit_interval = 0.5\n", managers=MANAGERS
    )
    try:
        daemon.process.start()
        daemon.until(lambda: any("foreign" in each for each in problems(daemon)), limit_s=30)

        status, answer, _ = daemon.ibstack("audit", at="head")
    finally:
        daemon.process.stop()

    assert status == 3
    (row,) = [each for each in answer if each["class"] == "foreign subnet manager"]
    assert (row["alarm"], row["guid"]) == (True, str(ROGUE.port_guid))


def problems(daemon: Fabricd) -> list[str]:
    return list(daemon.heartbeat()["configurations"].get("problems", ()))
