# SPDX-License-Identifier: Apache-2.0
"""What is read of a host, or collected of it, about multicast groups, and what is made of it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.facts.evidence import (
    FABRICD_CONF,
    OPENSM_CONF,
    PARTITIONS_CONF,
    SA_DUMP,
    SAQUERY,
    Evidence,
    Missing,
)
from ibstack.facts.fabric.groups import sa_dump_name
from ibstack.facts.fabric.observed import FabricPort, ObservedFabric
from ibstack.facts.site import Site
from ibstack.facts.this_host import read_host
from ibstack.mad import NodeType, SmState
from ibstack.verify.check import State
from verify.judged import host_with, said_by

if TYPE_CHECKING:
    from pathlib import Path

DUMPED = OPENSM_CONF, "sa_db_dump TRUE\n"
FILE = PARTITIONS_CONF, "a=0x0101,ipoib: 0x31=full;\nb=0x0102,ipoib: 0x31=full;\n"
RED, BLUE = (
    f"MC Group 0x{mlid:04x}  (well known): mgid=0xff12401b{key:04x}0000:0x00000000ffffffff"
    f" port_gid=0x0000000000000000:0x0000000000000000 qkey=0x00000b1b mlid=0x{mlid:04x} mtu=0x84"
    f" tclass=0x00 pkey=0x{key:04x} rate=0x83 pkt_life=0x92 sl_flow_hop=0x00000000"
    " scope_state=0x21 proxy_join=0x0\n"
    for mlid, key in ((0xC000, 0x8101), (0xC001, 0x8102))
)
TOLD = (
    "MCMemberRecord group dump:\n\t\tMGID....................ff12:401b:8101::ffff:ffff\n"
    "\t\tMtu.....................0x85\n\t\tpkey....................0x8101\n"
    "\t\tRate....................0x83\n\t\tSL......................0x0\n"
)


def look(*entries: int, master: str = "head") -> ObservedFabric:
    table = tuple(TableEntry.from_wire(entry) for entry in entries)
    adapter = NodeType.CHANNEL_ADAPTER
    manager = FabricPort(Guid(1), master, adapter, 1, True, table, True, SmState.MASTER)
    return ObservedFabric((manager,), (), ())


def said(host: Evidence, fabric: ObservedFabric, *others: Evidence) -> list[tuple[State, str]]:
    site = Site({each.host: each for each in (host, *others)}, fabric)
    return [
        (each.state, each.found or each.why or "") for each in said_by("multicast-groups", site)
    ]


def head(**texts: str | Missing) -> Evidence:
    named = {"dump": SA_DUMP, "saquery": SAQUERY, "conf": OPENSM_CONF}
    known: dict[str, str | Missing] = dict([DUMPED, FILE])
    return host_with(known | {named[name]: text for name, text in texts.items()}, "head")


def test_all_groups_are_held_against_the_masters_file() -> None:
    assert said(head(dump=RED + BLUE), look(0x8101, 0x8102)) == [(State.OK, "2 groups")]


def test_a_group_is_missing_only_where_a_port_is_in_its_partition() -> None:
    assert said(head(dump=RED), look(0x8101)) == [(State.OK, "2 groups")]

    ((state, found),) = said(head(dump=RED), look(0x8101, 0x8102))
    assert state is State.FAILED
    assert found.startswith("group missing: ff12:401b:8102::ffff:ffff")


@pytest.mark.parametrize("conf", ["sa_db_dump true\n", "sa_db_dump FALSE\n", "guid 0x1\n"])
def test_a_dump_that_opensm_does_not_write_any_more_does_not_count(conf: str) -> None:
    ((state, why),) = said(head(dump=RED + BLUE, conf=conf), look(0x8101))

    assert state is State.NOT_KNOWN
    assert "set sa_db_dump TRUE" in why


def test_without_a_dump_what_hosts_were_told_is_judged_and_the_rest_is_not_known() -> None:
    member = host_with({SAQUERY: TOLD}, "node002")

    differs, rest = said(head(dump=Missing("there is none")), look(0x8101), member)

    assert differs == (
        State.FAILED,
        "group differs: ff12:401b:8101::ffff:ffff: mtu is 4096 bytes, and not 2048 bytes",
    )
    assert rest == (
        State.NOT_KNOWN,
        "1 groups, which no host was told of: there is none",
    )


def test_another_ones_dump_than_the_masters_says_nothing() -> None:
    ((state, why),) = said(head(dump=RED + BLUE), look(0x8101, master="node009"))

    assert state is State.NOT_KNOWN
    assert "the master's host" in why


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ({}, "var/log/opensm-sa.dump"),
        ({OPENSM_CONF: "dump_files_dir /srv/sm\n"}, "srv/sm/opensm-sa.dump"),
        ({FABRICD_CONF: "[fabric]\nsa_dump = /x/../y/d\n"}, "y/d"),
        ({FABRICD_CONF: "[fabric]\nsa_dump = ../../etc/d\n"}, "etc/d"),
    ],
)
def test_where_the_dump_is(texts: dict[str, str | Missing], name: str) -> None:
    assert sa_dump_name(host_with(texts)) == name


def test_of_a_dump_the_groups_are_read_and_one_older_than_a_new_file_is_not(
    tmp_path: Path,
) -> None:
    for name, text in (DUMPED, FILE, (SA_DUMP, f"{RED}\nmcm_port: port_gid=0x1:0x2\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    # Whether an OpenSM runs on this machine is not ours to say: an old dump counts in neither case.
    now = time.time()
    os.utime(tmp_path / SA_DUMP, (now - 60, now - 60))
    recent = read_host(tmp_path, "head", commands={}).text(SA_DUMP)
    assert isinstance(recent, Missing)

    (tmp_path / PARTITIONS_CONF).unlink()
    assert read_host(tmp_path, "head", commands={}).text(SA_DUMP) == RED
    (tmp_path / SA_DUMP).unlink()
    gone = read_host(tmp_path, "head", commands={}).text(SA_DUMP)
    assert isinstance(gone, Missing)
    assert gone.absent
