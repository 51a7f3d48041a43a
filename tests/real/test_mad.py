# SPDX-License-Identifier: Apache-2.0
"""Reading a real OpenSM's fabric, through ibsim's own line and through libibumad."""

from __future__ import annotations

import json
import textwrap
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ibstack.mad import CannotReadFabric, FabricReader, Lid, NodeType, NotKnown, Route, SmState
from ibstack.mad.local_ports import local_port_guids
from ibstack.mad.reader import open_port
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.tamper import write_entries

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibstack.fabric.guid import Guid
    from ibstack_lab.fabric.simulated import Fabric

    ReaderAt = Callable[[str], FabricReader]
    OnFabric = Callable[..., str]


def wait(what: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def guid(fabric: Fabric, host: str) -> Guid:
    return fabric.topology.host(host).port_guid


@pytest.mark.parametrize("node", ["head", "node003", "sw1"])
def test_the_whole_fabric_is_found_from_anywhere(
    fabric: Fabric, reader_at: ReaderAt, node: str
) -> None:
    found = reader_at(node).discover()
    assert found.problems == ()
    hosts = {host.port_guid: host.name for host in fabric.topology.hosts}
    adapters = {
        guid: port.description
        for guid, port in found.ports.items()
        if port.node_type is NodeType.CHANNEL_ADAPTER
    }
    assert adapters == hosts
    assert {port.peer for port in found.switch_ports} == set(hosts)
    wait(lambda: all(port.lid for port in reader_at(node).discover().ports.values()))


def test_tables_are_what_opensm_was_told(fabric: Fabric, reader_at: ReaderAt) -> None:
    reader = reader_at("head")
    ports = reader.discover().ports
    tables = reader.pkey_tables(ports.values())
    assert tables.keys() == ports.keys()
    for host in fabric.topology.hosts:
        table = tables[host.port_guid]
        assert not isinstance(table, NotKnown)
        assert len(table) == ports[host.port_guid].partition_cap
        full = host.subnet_manager_priority is not None
        assert str(table[0]) == ("0xffff" if full else "0x7fff")
        assert not any(table[1:])


def test_switches_hold_the_same_keys_for_their_neighbours(
    fabric: Fabric, reader_at: ReaderAt
) -> None:
    reader = reader_at("head")
    found = reader.discover()
    enforced = reader.tables_of(found.switch_ports)
    ends = reader.pkey_tables(found.ports.values())
    for port, table in zip(found.switch_ports, enforced, strict=True):
        assert port.peer is not None
        assert table[:32] == ends[port.peer][:32]  # type: ignore[index]


def test_a_table_changed_behind_opensm_is_seen(fabric: Fabric, reader_at: ReaderAt) -> None:
    victim = guid(fabric, "node003")
    attachment = Attachment(fabric, "node002")
    write_entries(attachment, FabricReader(attachment), victim, {5: 0x8005, 40: 0x0006})
    attachment.close()
    reader = reader_at("head")
    table = reader.pkey_tables([reader.discover().ports[victim]])[victim]
    assert not isinstance(table, NotKnown)
    assert {n: str(e) for n, e in enumerate(table) if e} == {0: "0x7fff", 5: "0x8005", 40: "0x0006"}


def test_the_master_and_the_standby_are_told_apart(fabric: Fabric, reader_at: ReaderAt) -> None:
    head, standby, compute = (reader_at(node) for node in ("head", "node001", "node002"))
    for reader in (head, standby, compute):
        master = reader.subnet_manager()
        assert not isinstance(master, NotKnown)
        assert (master.guid, master.state) == (guid(fabric, "head"), SmState.MASTER)
        assert master.priority == 10
    own = standby.local_subnet_manager()
    assert not isinstance(own, NotKnown)
    assert own.state is SmState.STANDBY
    assert isinstance(compute.local_subnet_manager(), NotKnown)


def test_a_killed_master_is_not_known_until_the_standby_has_taken_over(
    fabric: Fabric, reader_at: ReaderAt
) -> None:
    reader = reader_at("node002")
    fabric.kill_subnet_manager("head")
    assert isinstance(reader.subnet_manager(), NotKnown)

    def standby_is_master() -> bool:
        found = reader.subnet_manager()
        return not isinstance(found, NotKnown) and found.guid == guid(fabric, "node001")

    wait(standby_is_master)


def test_ports_without_lids_are_read_by_directed_routes(wires: Fabric, reader_at: ReaderAt) -> None:
    reader = reader_at("node002")
    found = reader.discover()
    assert found.problems == ()
    assert {port.lid for port in found.ports.values()} == {0}
    tables = reader.pkey_tables(found.ports.values())
    assert not any(isinstance(table, NotKnown) for table in tables.values())
    assert isinstance(reader.subnet_manager(), NotKnown)


def test_a_port_that_is_gone_is_not_known_and_the_others_are(
    fabric: Fabric, reader_at: ReaderAt
) -> None:
    reader = reader_at("head")
    ports = reader.discover().ports
    fabric.unlink("node003")
    tables = reader.pkey_tables(ports.values())
    gone = tables.pop(guid(fabric, "node003"))
    assert isinstance(gone, NotKnown)
    assert "no answer" in str(gone)
    assert not any(isinstance(table, NotKnown) for table in tables.values())


def test_another_port_at_the_old_place_is_not_taken_for_the_one_asked(
    fabric: Fabric, reader_at: ReaderAt
) -> None:
    reader = reader_at("head")
    ports = reader.discover().ports
    gone, other = guid(fabric, "node003"), guid(fabric, "node002")
    moved = replace(ports[gone], lid=ports[other].lid)
    table = reader.pkey_tables([moved])[gone]
    assert isinstance(table, NotKnown)
    assert f"{other} answers there now" in str(table)


def test_a_lid_that_nobody_has_is_not_known(fabric: Fabric, reader_at: ReaderAt) -> None:
    assert isinstance(reader_at("head").read_block(Lid(77)), NotKnown)
    assert not isinstance(reader_at("head").read_block(Route(())), NotKnown)


def test_a_block_beyond_the_table_is_refused_not_empty(fabric: Fabric, reader_at: ReaderAt) -> None:
    outcome = reader_at("head").read_block(Route(()), 2)
    assert isinstance(outcome, NotKnown), outcome


SCRIPT = """
    import json, socket, subprocess, threading
    from ibstack.mad import NotKnown, open_port

    with open_port() as local:
        ports = local.discover().ports
        tables = local.pkey_tables(ports.values())
        master = local.subnet_manager()
    with open_port() as again:
        same = again.discover().ports == ports

    # What else a daemon does must go on working under the preload.
    counts = []
    def read():
        with open_port() as local:
            counts.append(len(local.discover().ports))
    threads = [threading.Thread(target=read) for _ in range(4)]
    listener = socket.create_server(("127.0.0.1", 0))
    for thread in threads:
        thread.start()
    with socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        client.sendall(b"hello")
        heard = server.recv(5).decode()
        server.close()
    listener.close()
    said = subprocess.run(["echo", "hello"], capture_output=True, text=True).stdout.strip()
    for thread in threads:
        thread.join()
    print(json.dumps({
        "tables": {str(g): [str(e) for e in t if e] for g, t in tables.items()},
        "master": str(master.guid), "same": same, "counts": counts, "heard": heard, "said": said,
    }))
"""


def test_libibumad_reads_the_same_and_leaves_the_process_as_it_was(
    fabric: Fabric, reader_at: ReaderAt, on_fabric: OnFabric
) -> None:
    told = json.loads(on_fabric("node002", "python", "-c", textwrap.dedent(SCRIPT)))
    reader = reader_at("node002")
    tables = reader.pkey_tables(reader.discover().ports.values())
    assert told["tables"] == {
        str(guid): [str(entry) for entry in table if entry]  # type: ignore[union-attr]
        for guid, table in tables.items()
    }
    assert told["master"] == str(guid(fabric, "head"))
    assert told["same"]
    assert told["counts"] == [len(tables)] * 4
    assert (told["heard"], told["said"]) == ("hello", "hello")


LATE = """
    import os, signal, sys, time
    from ibstack.mad import NotKnown, open_port

    pid = int(sys.argv[1])
    for _ in range(3):
        os.kill(pid, signal.SIGSTOP)
        unanswered = False
        while not unanswered:  # A signal takes its time.
            with open_port(timeout_s=0.05) as local:
                unanswered = isinstance(local.subnet_manager(), NotKnown)
        os.kill(pid, signal.SIGCONT)
        deadline = time.monotonic() + 10
        while True:  # The late answers come in now, while no port is open, and later.
            with open_port() as local:
                if not isinstance(local.subnet_manager(), NotKnown):
                    break
            assert time.monotonic() < deadline
    print("alive")
"""


def test_an_answer_that_comes_after_closing_does_no_harm(
    wires: Fabric, on_fabric: OnFabric
) -> None:
    wires.start_subnet_manager("head")
    pid = str(wires.subnet_manager("head").pid())
    assert "alive" in on_fabric("node002", "python", "-c", textwrap.dedent(LATE), pid)


def test_infiniband_diags_agree(fabric: Fabric, reader_at: ReaderAt, on_fabric: OnFabric) -> None:
    reader = reader_at("head")
    port = reader.discover().ports[guid(fabric, "node002")]
    said = on_fabric("head", "smpquery", "pkeys", str(port.lid))
    table = reader.pkey_tables([port])[port.guid]
    printed = [w for line in said.splitlines() if ":" in line for w in line.split(":")[1].split()]
    assert printed == [str(e) if e else "0x0000" for e in table]  # type: ignore[union-attr]


def test_a_machine_without_an_adapter_says_so() -> None:
    with pytest.raises(CannotReadFabric, match=r"cannot read the fabric: .*; .+"), open_port():
        raise AssertionError("this machine has an adapter")


def test_a_machine_without_an_adapter_has_no_ports() -> None:
    assert local_port_guids() == frozenset()
