# SPDX-License-Identifier: Apache-2.0
"""How the real OpenSM takes broken and odd partitions files, and that ours refuses each of them.

Pins facts that the strict reader and the way of publishing rest on.  0xffff in a tenant's table is
full membership of the default partition: everyone can talk to everyone.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

from ibstack.formats.partitions_conf.line_buffer import LINE_BYTES
from ibstack.formats.partitions_conf.strict import PartitionsFileFaults, parse
from ibstack.mad import FabricReader
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.simulated import Fabric
from ibstack_lab.topology import ARTICLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.fabric.guid import Guid

A, B = (ARTICLE.host(name).port_guid for name in ("node002", "node003"))
DEFAULT = "Default=0x7fff,indx0: ALL=limited, ALL_SWITCHES=full, SELF=full;\n"
GOOD = f"{DEFAULT}a=0x101: {A}=full, {B}=full;\n"
OPEN = {"0xffff"}
FINE = {"0x7fff", "0x8101"}
NOTHING = {"0x7fff"}


class LoneManager:
    """A fabric with one OpenSM, and its word on any partitions file."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.path = fabric.partitions_conf("head")

    def says(self, content: bytes | None) -> dict[Guid, set[str]]:
        """Return the tables of both tenants after OpenSM has read *content*; None: no file."""
        self._put(GOOD.encode())
        self._sweep()
        assert set(map(frozenset, self._tables().values())) == {frozenset(FINE)}
        self._put(content)
        self._sweep()
        return self._tables()

    def _put(self, content: bytes | None) -> None:
        if content is None:
            self.path.unlink()
            return
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.rename(self.path)

    def _sweep(self) -> None:
        log = self.fabric.opensm_log("head")
        before = log.stat().st_size
        pid = self.fabric.subnet_manager("head").pid()
        assert pid is not None
        os.kill(pid, signal.SIGHUP)
        deadline = time.monotonic() + 10
        while b"SUBNET UP" not in log.read_bytes()[before:]:
            assert time.monotonic() < deadline, "OpenSM did not sweep"
            time.sleep(0.002)

    def _tables(self) -> dict[Guid, set[str]]:
        attachment = Attachment(self.fabric, "head")
        try:
            reader = FabricReader(attachment)
            ports = reader.discover().ports
            tables = reader.pkey_tables([ports[A], ports[B]])
        finally:
            attachment.close()
        found = {}
        for guid, table in tables.items():
            assert isinstance(table, tuple), table
            found[guid] = {str(entry) for entry in table if entry is not None}
        return found


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneManager]:
    if not (shutil.which("ibsim") and shutil.which("opensm")):
        pytest.skip("needs ibsim and opensm: apt-get install ibsim-utils opensm")
    fabric = Fabric.of_lab(tmp_path_factory.mktemp("opens"), ARTICLE)
    try:
        fabric.start()
        fabric.start_subnet_manager("head")
        yield LoneManager(fabric)
    finally:
        fabric.stop()


def refused(content: bytes) -> bool:
    try:
        parse(content, "partitions.conf")
    except PartitionsFileFaults:
        return True
    return False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only talk\n",
        GOOD + "garbage\n",
        GOOD + f"b=zz: {A}=full;\n",
        GOOD + "b=0x102: zz=full;\n",
        GOOD + "b=0x102: 0x0=full;\n",
        GOOD + "b=0x102: 0002c90300000031=full;\n",
        GOOD + "b=0x102: 00:02:c9:03:00:00:00:31=full;\n",
        GOOD + "b=0x102: all=full;\n",
        GOOD + f"b=0x102: {A}=full\nc=0x103: {B}=full;\n",
        GOOD + ";\n",
        GOOD + f"b=0x102: {A}=full\n  ;\n",
        GOOD.replace("\n", "\r\n"),
        GOOD + "a:b=0x102: ALL=full;\n",
    ],
    ids=range(14),
)
def test_one_fault_anywhere_opens_the_whole_fabric(manager: LoneManager, text: str) -> None:
    assert manager.says(text.encode()) == {A: OPEN, B: OPEN}
    assert refused(text.encode())


def test_a_file_that_is_not_there_opens_the_whole_fabric(manager: LoneManager) -> None:
    assert manager.says(None) == {A: OPEN, B: OPEN}


@pytest.mark.parametrize(
    ("text", "a", "b"),
    [
        (DEFAULT + f"a=0x101: {A}=full, {B}=ful1;\n", FINE, {"0x7fff", "0x0101"}),
        (DEFAULT + f"a=0x101: {A}=full, {B}=Full;\n", FINE, {"0x7fff", "0x0101"}),
        (DEFAULT + f"a=0x101: {A}=f, {B}=;\n", FINE, FINE),
        (DEFAULT + "a=0x101: AL=full;\n", FINE, FINE),
        (DEFAULT.replace("ALL=limited", "ALL="), OPEN, OPEN),
        (DEFAULT + f"a=0x8101: {A}=full, {B}=full;\n", FINE, FINE),
        (DEFAULT + f"a=0x10101: {A}=full, {B}=full;\n", FINE, FINE),
        (DEFAULT + f"a=0401: {A}=full, {B}=full;\n", FINE, FINE),
        (DEFAULT + f"a=0xffff: {A}=full;\n", OPEN, NOTHING),
        (DEFAULT + f"q=0x0: {A}=full;\nb=0x1: {B}=full;\n", {"0x7fff", "0x8001"},
         {"0x7fff", "0x8001"}),
        (DEFAULT + f"q: {A}=full;\nb=0x1: {B}=full;\n", {"0x7fff", "0x8001"},
         {"0x7fff", "0x8001"}),
        (DEFAULT + f"a=0x101: {A}=full, 0x10002c90300000041=full;\n", FINE, NOTHING),
        (DEFAULT + f"a=0x101: {A}=full, {str(B)[:-3]}", FINE, NOTHING),
        (DEFAULT + f"a=0x101: {A}=full, {B}=full;\na=0x101: {B}=limited;\n", FINE,
         {"0x7fff", "0x0101"}),
        (DEFAULT + f"a=0x101: {A}=full, {B}=full, ALL_CAS=limited;\n", {"0x7fff", "0x0101"},
         {"0x7fff", "0x0101"}),
        (DEFAULT + f"a=0x101,ipiob: {A}=full, {B}=full;\n", FINE, FINE),
        (DEFAULT + f"a=0x101: {A}\n=full, {B}=full;\n", {"0x7fff", "0x0101"}, FINE),
        ("\ufeff" + GOOD, FINE, FINE),
    ],
    ids=range(18),
)  # fmt: skip
def test_what_opensm_takes_for_something_else_is_refused_by_ours(
    manager: LoneManager, text: str, a: set[str], b: set[str]
) -> None:
    assert manager.says(text.encode()) == {A: a, B: b}
    assert refused(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        DEFAULT + f"a=0x101: {A}=full,\n# between\n  {B}=full;\n",
        DEFAULT + f"a=0x101: {A}=full\n{B}=full;\n",
        DEFAULT + f"a=0x101,defmember=full: {A}; a=0x101,ipoib: {B}=full;",
        DEFAULT + f"two words = 0x101 :\t{A} = full , {B} = full ;  # talk\n",
        DEFAULT + f"a=0x101,ipoib: mgid=ff12:401b::707,sl=1 # group\n {A}=full, {B}=full;\n",
        DEFAULT + f"a=0x101: {A}=full;\na=0x101: {B}=both;\n",
    ],
    ids=range(7),
)
def test_what_both_take_for_the_same_is_not_refused(manager: LoneManager, text: str) -> None:
    assert manager.says(text.encode()) == {A: FINE, B: FINE}
    assert not refused(text.encode())


@pytest.mark.parametrize(("too_long", "a"), [(0, FINE), (1, None)])
def test_the_longest_line_that_opensm_reads_whole(
    manager: LoneManager, too_long: int, a: set[str] | None
) -> None:
    head, tail = "a=0x101: ", f"{A}=full, {B}=full;"
    padding = " " * (LINE_BYTES - 1 - len(head) - len(tail) + too_long)
    content = f"{DEFAULT}{head}{padding}{tail}\n".encode()

    tables = manager.says(content)

    assert refused(content) is bool(too_long)
    if a is not None:
        assert tables == {A: a, B: a}


def test_a_good_file_puts_right_what_a_bad_one_has_done(manager: LoneManager) -> None:
    manager.says(b"garbage\n")

    assert manager.says(GOOD.encode()) == {A: FINE, B: FINE}
