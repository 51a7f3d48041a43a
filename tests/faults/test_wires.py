# SPDX-License-Identifier: Apache-2.0
"""The judge's own datagrams show what the InfiniBand tools of the distribution show."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

from faults.wires import ACTIVE, Wires
from ibstack.mad import FabricReader
from ibstack_lab.fabric.attachment import Attachment
from ibstack_lab.fabric.simulated import SWITCH, Fabric
from ibstack_lab.fabric.tamper import write_entries
from ibstack_lab.topology import ARTICLE

if TYPE_CHECKING:
    from pathlib import Path


def test_tables_and_masters_are_what_smpquery_shows(tmp_path: Path) -> None:
    fabric = Fabric.of_lab(tmp_path, ARTICLE)
    try:
        fabric.start()
        fabric.start_subnet_manager("head")
        node = ARTICLE.host("node003")
        with closing(Attachment(fabric, SWITCH)) as line:
            entries = {5: 0x8201, 40: 0x0202}
            write_entries(line, FabricReader(line), node.port_guid, entries)
        wires = Wires(fabric)
        (found,) = wires.ports(["node003", node.vf_node(0)]).values()

        assert found.guid == node.port_guid.value
        assert found.state == ACTIVE
        assert found.table == _shown_by_smpquery(fabric, node.port_guid.value)
        assert found.entries == {0x7FFF, 0x8201, 0x0202}
        assert wires.is_master("head")
        assert not wires.is_master("node001")
    finally:
        fabric.stop()


def _shown_by_smpquery(fabric: Fabric, guid: int) -> tuple[int, ...]:
    done = subprocess.run(
        ["smpquery", "-G", "pkeys", f"0x{guid:016x}", "1"],
        env={**os.environ, **fabric.client_env("head")},
        cwd=fabric.client_cwd("head"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shown = re.findall(r"^ *\d+:((?: 0x[0-9a-f]{4})+)", done.stdout, re.M)
    return tuple(int(entry, 16) for line in shown for entry in line.split())
