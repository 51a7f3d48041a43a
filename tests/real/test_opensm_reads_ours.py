# SPDX-License-Identifier: Apache-2.0
"""The real OpenSM reads every file that the writer can make, and the tables say the same.

The judge compares tables as read from the wires with what was meant; one test shows that it rejects
a wrong one.
"""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import (
    DEFAULT_PARTITION,
    PROOF_KEYS,
    SCRATCH_KEY,
    Membership,
    Partition,
    PartitionKey,
    TableEntry,
)
from ibstack.mad import FabricReader, NodeType
from ibstack.subnet_manager.observed.fabric_view import FabricView
from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile
from ibstack.subnet_manager.opensm.partitions_file_store import PartitionsFileStore
from ibstack.subnet_manager.opensm.processes import OpenSmProcesses
from ibstack.subnet_manager.opensm.subnet_manager import next_proof
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.topology import ARTICLE
from one_daemon import until

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD, NODE1, NODE2, NODE3 = (host.port_guid for host in ARTICLE.hosts)
PORTS = (HEAD, NODE1, NODE2, NODE3)
# Ports that are there, and many that are not: those make long lines.
guids = st.one_of(
    st.sampled_from(PORTS), st.integers(0xFA163E0000000000, 0xFA163E0000FFFFFF).map(Guid)
)
members = st.one_of(
    st.dictionaries(guids, st.sampled_from(Membership), min_size=1, max_size=4),
    st.dictionaries(guids, st.sampled_from(Membership), min_size=60, max_size=200),
)
files = st.builds(
    PartitionsFile,
    st.just(PROOF_KEYS[0]),
    st.dictionaries(st.integers(0x0001, 0x6FFF).map(PartitionKey), members, max_size=12).map(
        lambda found: {key: Partition(key, who) for key, who in found.items()}
    ),
    st.frozensets(guids, max_size=150),
    st.frozensets(st.sampled_from(PORTS), max_size=2),
    st.sampled_from(
        [
            "",
            "# none\n",
            "storage=0x7001,ipoib,mtu=5,defmember=full: ALL_CAS,\n  0x2=limited;\n",
            "x=0x7002: ALL=limited, SELF=full; y=0x7003: mgid=ff12::99,sl=1\n  SELF=full;\n",
        ]
    ),
)


class Judge:
    """A fabric with one OpenSM; publishes a file and compares every port's table."""

    def __init__(self, fabric: Fabric) -> None:
        path = fabric.partitions_conf("head")
        self._fabric = fabric
        self._shown: frozenset[PartitionKey] = frozenset()
        self._last = PROOF_KEYS[0]
        self._view = FabricView(self._reader)
        self._processes = OpenSmProcesses(path)
        self._store = PartitionsFileStore(path, path.parent / "state", frozenset())

    def tables_after(self, file: PartitionsFile) -> dict[Guid, set[TableEntry]]:
        """Publish, prove, and return each port's table, proof keys left out."""
        with self._view.open() as view:
            self._last = next_proof(self._last, self._shown)
            self._store.settle(self._store.publish(replace(file, proof=self._last)))
            self._processes.reload()
            until(lambda: self._last in (view.proofs() or ()))
            self._shown = view.proofs() or frozenset()
            assert self._shown == {self._last}
            meant = tables_meant(file)
            deadline = time.monotonic() + 1
            while (found := self._tables()) != meant and time.monotonic() < deadline:
                time.sleep(0.005)
            return found

    def _tables(self) -> dict[Guid, set[TableEntry]]:
        reader = self._view.reader
        ports = [
            port
            for port in reader.discover().ports.values()
            if port.node_type is NodeType.CHANNEL_ADAPTER
        ]
        found = {}
        for guid, table in reader.pkey_tables(ports).items():
            assert isinstance(table, tuple), table
            assert table[0] is not None
            assert table[0].partition == DEFAULT_PARTITION
            found[guid] = {e for e in table if e and e.partition not in PROOF_KEYS}
        return found

    @contextmanager
    def _reader(self) -> Iterator[FabricReader]:
        reader = FabricReader(Attachment(self._fabric, "head"))
        try:
            yield reader
        finally:
            reader.close()


def tables_meant(file: PartitionsFile) -> dict[Guid, set[TableEntry]]:
    """Return what each port should hold.  Written apart from the code that it judges."""
    tables: dict[Guid, set[TableEntry]] = {}
    for port in PORTS:
        full = port == HEAD or port in file.full_default
        held = {TableEntry(DEFAULT_PARTITION, full)}
        if port in file.scratch:
            held.add(TableEntry(SCRATCH_KEY, full_member=True))
        for key, partition in file.partitions.items():
            if port in partition.members:
                held.add(TableEntry(key, partition.members[port] is Membership.FULL))
        if "storage" in file.site:
            held.add(TableEntry(PartitionKey(0x7001), full_member=True))
        if "x=" in file.site:
            held.add(TableEntry(PartitionKey(0x7002), port == HEAD))
            if port == HEAD:
                held.add(TableEntry(PartitionKey(0x7003), full_member=True))
        tables[port] = held
    return tables


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    if not (shutil.which("ibsim") and shutil.which("opensm")):
        pytest.skip("needs ibsim and opensm: apt-get install ibsim-utils opensm")
    fabric = Fabric.of_lab(tmp_path_factory.mktemp("ours"), ARTICLE)
    try:
        fabric.start()
        fabric.start_subnet_manager("head")
        yield Judge(fabric)
    finally:
        fabric.stop()


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files)
def test_opensm_puts_into_the_tables_what_the_file_means(
    judge: Judge, file: PartitionsFile
) -> None:
    assert judge.tables_after(file) == tables_meant(file)


def test_the_judge_rejects_a_table_that_is_wrong(judge: Judge) -> None:
    red = PartitionKey(0x0101)
    file = PartitionsFile(PROOF_KEYS[0], {red: Partition(red, {NODE2: Membership.LIMITED})})
    meant_otherwise = replace(
        file, partitions={red: Partition(red, {NODE2: Membership.FULL, NODE3: Membership.FULL})}
    )

    assert judge.tables_after(file) != tables_meant(meant_otherwise)


def test_full_and_hundreds_of_members_on_many_lines_are_all_read(judge: Judge) -> None:
    red = PartitionKey(0x0101)
    strangers = {Guid(0xFA163E0000000000 + n): Membership.FULL for n in range(1, 1000)}
    file = PartitionsFile(
        PROOF_KEYS[0], {red: Partition(red, {**strangers, NODE3: Membership.FULL})}
    )

    assert judge.tables_after(file)[NODE3] == {
        TableEntry(DEFAULT_PARTITION, full_member=False),
        TableEntry(red, full_member=True),
    }
