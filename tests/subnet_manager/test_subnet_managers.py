# SPDX-License-Identifier: Apache-2.0
"""The contract of subnet managers, on the fake one and on OpenSM's own back end over memory.

The same class runs on real OpenSM: tests/real/test_subnet_manager_opensm.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fake_subnet_manager import FakeSubnetManager
from ibstack.fabric.partition import DEFAULT_OWNED_KEYS
from ibstack.mad import SmState
from ibstack.subnet_manager.observed.fabric_view import FabricView
from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
from ibstack.subnet_manager.opensm.subnet_manager import OpenSmManager
from ibstack.subnet_manager.settings import Limits, Settings
from memory_fabric import MemoryFabric, MemoryOpenSm
from subnet_manager.subnet_manager_contract import Bench, SubnetManagerContract

if TYPE_CHECKING:
    from pathlib import Path

HOSTS = {"head": 0x10, "standby": 0x20, "node002": 0x30, "node003": 0x40}


@pytest.fixture
def fabric() -> MemoryFabric:
    found = MemoryFabric(HOSTS)
    found.ports["head"].manager = SmState.MASTER
    found.ports["standby"].manager = SmState.STANDBY
    return found


def view_at(fabric: MemoryFabric, host: str) -> FabricView:
    return FabricView(lambda: fabric.reader_at(host))


class TestTheFake(SubnetManagerContract):
    @pytest.fixture
    def bench(self, fabric: MemoryFabric) -> Bench:
        views = {host: view_at(fabric, host) for host in ("head", "standby")}
        full = frozenset(fabric.ports[host].guid for host in views)
        head, standby = (
            FakeSubnetManager(fabric, host, view, full) for host, view in views.items()
        )
        head.others, standby.others = [standby], [head]
        head._work()

        def again() -> FakeSubnetManager:
            return FakeSubnetManager(fabric, "head", views["head"], full, held=head.held)

        def fail_over() -> None:
            fabric.ports["head"].manager = None
            standby.takes_office()

        def edit() -> None:
            head.held.others = True

        def hang(is_so: bool) -> None:
            head.deaf = is_so

        return Bench(
            head, views["head"], fabric.table,
            fabric.ports["node002"].guid, fabric.ports["node003"].guid,
            again, edit, hang, standby, views["standby"], fail_over,
        )  # fmt: skip


class TestOpenSmOverMemory(SubnetManagerContract):
    @pytest.fixture
    def bench(self, fabric: MemoryFabric, tmp_path: Path) -> Bench:
        full = frozenset(fabric.ports[host].guid for host in ("head", "standby"))
        settings = Settings(DEFAULT_OWNED_KEYS, full, limits=Limits(reload_gap_s=0))
        files = {host: tmp_path / host / "partitions.conf" for host in ("head", "standby")}
        views = {host: view_at(fabric, host) for host in files}
        processes = {host: MemoryOpenSm(fabric, host, path) for host, path in files.items()}
        for path in files.values():
            path.parent.mkdir()
            path.write_text("Default=0x7fff,indx0: ALL=limited, SELF=full;\n")
        processes["head"].sweep()

        def manager(host: str) -> OpenSmManager:
            store = PartitionsFileStore(files[host], tmp_path / host / "state", full)
            return OpenSmManager(
                settings, views[host], processes[host], store, pause=lambda _: False  # type: ignore[arg-type]
            )  # fmt: skip

        def fail_over() -> None:
            fabric.ports["head"].manager = None
            fabric.ports["standby"].manager = SmState.MASTER
            processes["standby"].sweep()

        def hang(is_so: bool) -> None:
            processes["head"].deaf = is_so
            if not is_so:
                processes["head"].sweep()

        def edit() -> None:
            files["head"].write_text("Default=0x7fff: ALL=full;\n")

        return Bench(
            manager("head"), views["head"], fabric.table,
            fabric.ports["node002"].guid, fabric.ports["node003"].guid,
            lambda: manager("head"), edit, hang,
            manager("standby"), views["standby"], fail_over,
        )  # fmt: skip
