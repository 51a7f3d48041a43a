# SPDX-License-Identifier: Apache-2.0
"""The contract of subnet managers on real OpenSMs under ibsim."""

from __future__ import annotations

import signal
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.partition import DEFAULT_OWNED_KEYS, PROOF_KEYS
from ibstack.mad import FabricReader
from ibstack.subnet_manager.observed.fabric_view import FabricView
from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
from ibstack.subnet_manager.opensm.processes import OpenSmProcesses
from ibstack.subnet_manager.opensm.subnet_manager import OpenSmManager
from ibstack.subnet_manager.settings import Settings
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.topology import ARTICLE
from one_daemon import until
from one_reconciler import MANAGERS, pause
from subnet_manager.subnet_manager_contract import Bench, SubnetManagerContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ibstack.fabric.guid import Guid
    from ibstack_lab.fabric.simulated import Fabric

PF, PF5 = (host.port_guid for host in ARTICLE.hosts if host.port_guid not in MANAGERS)
_PLAIN = "Default=0x7fff,indx0: ALL=limited, ALL_SWITCHES=full, SELF=full;\n"
HOSTS = ("head", "node001")


def start(wires: Fabric) -> None:
    for host in HOSTS:
        wires.partitions_conf(host).write_text(_PLAIN)
        wires.start_subnet_manager(host)


def table_of(opened: AbstractContextManager[FabricReader], guid: Guid) -> set[str]:
    """Return the entries of a port's table, proof keys left out."""
    with opened as reader:
        port = reader.discover().ports[guid]
        found = reader.pkey_tables([port])[guid]
    assert isinstance(found, tuple), found
    return {str(e) for e in found if e is not None and e.partition not in PROOF_KEYS}


def edit(wires: Fabric) -> None:
    wires.partitions_conf("head").write_text("Default=0x7fff: ALL=full;\n")


class TestOpenSm(SubnetManagerContract):
    @pytest.fixture
    def bench(self, wires: Fabric, tmp_path: Path) -> Iterator[Bench]:
        settings = Settings(DEFAULT_OWNED_KEYS, MANAGERS)
        start(wires)

        def reader_at(host: str) -> AbstractContextManager[FabricReader]:
            return closing(FabricReader(Attachment(wires, host)))

        views = {host: FabricView(partial(reader_at, host)) for host in HOSTS}

        def manager(host: str) -> OpenSmManager:
            path = wires.partitions_conf(host)
            store = PartitionsFileStore(path, tmp_path / f"state-{host}", MANAGERS)
            return OpenSmManager(settings, views[host], OpenSmProcesses(path), store, pause=pause)

        def hang(is_so: bool) -> None:
            wires.subnet_manager("head").signal(signal.SIGSTOP if is_so else signal.SIGCONT)

        def fail_over() -> None:
            wires.kill_subnet_manager("head")
            until(lambda: b"Entering MASTER state" in wires.opensm_log("node001").read_bytes())

            def is_master() -> bool:
                with views["node001"].open():
                    return views["node001"].manager().role.value == "master"

            until(is_master)

        yield Bench(
            manager=manager("head"),
            view=views["head"],
            table=lambda guid: table_of(reader_at("head"), guid),
            one=PF,
            other=PF5,
            again=lambda: manager("head"),
            edit=lambda: edit(wires),
            hang=hang,
            standby=manager("node001"),
            standby_view=views["node001"],
            fail_over=fail_over,
        )
        hang(False)
