# SPDX-License-Identifier: Apache-2.0
"""One real OpenSM on simulated wires, and what it makes of any partitions file."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import signal
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import pytest

from ibstack.mad import FabricReader
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.topology import ARTICLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ibstack.fabric.guid import Guid

SELF, *OTHERS = (host.port_guid for host in ARTICLE.hosts)
PORTS = (SELF, *OTHERS)
NOTHING = b"Default=0x7fff,indx0: ALL=limited, ALL_SWITCHES=full, SELF=full;\n"
_LIMIT_S = 10
_DUMPED_WITHIN_S = 1
_OF_DEFAULT = 0xFFFF
_GROUP = re.compile(
    r"^MC Group .* mgid=0x(?P<high>\w{16}):0x(?P<low>\w{16}) .* qkey=0x(?P<q_key>\w+) .*"
    r" mtu=0x(?P<mtu>\w+) tclass=0x(?P<tclass>\w+) pkey=0x(?P<key>\w+) rate=0x(?P<rate>\w+)"
    r" .* sl_flow_hop=0x(?P<sl>\w)(?P<flow_label>\w{5})\w\w ",
    re.MULTILINE,
)
_EXACTLY = 0x3F


@dataclass(frozen=True)
class MadeGroup:
    """A multicast group in OpenSM's own database."""

    key: int
    """16 bits, as in a table."""
    mtu: int
    rate: int
    sl: int
    q_key: int
    tclass: int
    flow_label: int


Groups: TypeAlias = dict[ipaddress.IPv6Address, MadeGroup]


def without_scope(mgid: ipaddress.IPv6Address) -> int:
    return int(mgid) & ~(0xF << 112)


class OneOpenSm:
    """A fabric with one OpenSM, and its word on any partitions file."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.path = fabric.partitions_conf("head")
        self._dump = self.path.with_name("opensm-sa.dump")
        with self.path.with_name("opensm.conf").open("a") as out:
            out.write("sa_db_dump TRUE\n")

    def takes(self, content: bytes) -> dict[Guid, set[str]]:
        """Have *content* read by an OpenSM that has forgotten all others; return the tables.

        What it never forgets are the groups of 0x7fff: a partition's go when the partition goes.
        """
        self._read(NOTHING)
        assert self._tables() == {port: {"0xffff" if port == SELF else "0x7fff"} for port in PORTS}
        self._read(content)
        return self._tables()

    def groups(self, expected: Groups) -> Groups:
        """Return the groups of tenants' partitions: at once when they are the *expected* ones.

        OpenSM dumps them a moment after it has said that the subnet is up.  An expected one is
        passed over where an earlier file gave its MGID to 0x7fff: OpenSM keeps it there.
        """
        deadline = time.monotonic() + _DUMPED_WITHIN_S
        while True:
            all_of_them = self._groups()
            taken = {
                without_scope(mgid) for mgid, made in all_of_them.items() if made.key == _OF_DEFAULT
            }
            found, free = (
                {mgid: made for mgid, made in groups.items() if without_scope(mgid) not in taken}
                for groups in (all_of_them, expected)
            )
            if found == free:
                return expected
            if time.monotonic() > deadline:
                return found
            time.sleep(0.005)

    def of_default(self, content: bytes) -> Groups:
        """Return the groups of 0x7fff once an OpenSM that had read nothing has made some."""
        self._read(content)
        deadline = time.monotonic() + _LIMIT_S
        while not self._dump.exists():
            assert time.monotonic() < deadline, "OpenSM made no group"
            time.sleep(0.005)
        return {mgid: made for mgid, made in self._groups().items() if made.key == _OF_DEFAULT}

    def _read(self, content: bytes) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.rename(self.path)
        log = self.fabric.opensm_log("head")
        before = log.stat().st_size
        pid = self.fabric.subnet_manager("head").pid()
        assert pid is not None
        os.kill(pid, signal.SIGHUP)
        deadline = time.monotonic() + _LIMIT_S
        while b"SUBNET UP" not in log.read_bytes()[before:]:
            assert time.monotonic() < deadline, "OpenSM did not sweep"
            time.sleep(0.002)

    def _tables(self) -> dict[Guid, set[str]]:
        with closing(Attachment(self.fabric, "head")) as attachment:
            reader = FabricReader(attachment)
            ports = reader.discover().ports
            tables = reader.pkey_tables([ports[port] for port in PORTS])
        found = {}
        for guid, table in tables.items():
            assert isinstance(table, tuple), table
            found[guid] = {str(entry) for entry in table if entry is not None}
        return found

    def _groups(self) -> Groups:
        found = {}
        # There is none before the first group.
        dumped = self._dump.read_text() if self._dump.exists() else ""
        for made in _GROUP.finditer(dumped):
            number = {name: int(text, 16) for name, text in made.groupdict().items()}
            mgid = ipaddress.IPv6Address(number["high"] << 64 | number["low"])
            found[mgid] = MadeGroup(
                number["key"],
                number["mtu"] & _EXACTLY,
                number["rate"] & _EXACTLY,
                number["sl"],
                number["q_key"],
                number["tclass"],
                number["flow_label"],
            )
        return found


@contextmanager
def one_opensm(folder: Path) -> Iterator[OneOpenSm]:
    """Start one, without QoS and without allow_both_pkeys, as OpenSM is by itself."""
    if not (shutil.which("ibsim") and shutil.which("opensm")):
        pytest.skip("needs ibsim and opensm: apt-get install ibsim-utils opensm")
    fabric = Fabric.of_lab(folder, ARTICLE)
    try:
        fabric.start()
        fabric.start_subnet_manager("head")
        yield OneOpenSm(fabric)
    finally:
        fabric.stop()
