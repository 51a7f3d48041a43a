# SPDX-License-Identifier: Apache-2.0
"""The P_Key table of every port, read from the fabric itself by management datagrams.

umad2sim works by LD_PRELOAD, so the reading is done by a process of its own: this module, run.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ibstack import mad
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack_lab.process import output_of

if TYPE_CHECKING:
    from ibstack_lab.fabric.simulated import Fabric


@dataclass(frozen=True, slots=True)
class PortTable:
    """One end port as the fabric shows it."""

    guid: Guid
    node: str
    """The node's description: in the lab, the host's name or its VF's."""
    entries: tuple[TableEntry | None, ...] | None
    """By index, up to the last one in use; None: not known."""
    why: str | None = None
    """Why the table is not known."""


def read(fabric: Fabric, host: str) -> list[PortTable]:
    """Return the table of each adapter port that is up, as seen from *host*."""
    argv = (sys.executable, "-m", __name__)
    env, cwd = fabric.client_env(host), fabric.client_cwd(host)
    said = output_of(argv, "read the fabric", timeout_s=60, env=env, cwd=cwd)
    return [_decode(each) for each in json.loads(said)]


def _decode(port: dict[str, Any]) -> PortTable:
    entries = port["entries"]
    return PortTable(
        Guid.parse(port["guid"]),
        port["node"],
        None if entries is None else tuple(TableEntry.from_wire(raw) for raw in entries),
        port["why"],
    )


def main() -> None:
    """Print what read() takes: run under the environment of `Fabric.client_env`."""
    with mad.open_port() as local:
        ports = local.discover().ends
        adapters = [port for port in ports if port.node_type is mad.NodeType.CHANNEL_ADAPTER]
        tables = local.tables_of(adapters)
    told = [_encode(port, table) for port, table in zip(adapters, tables, strict=True)]
    print(json.dumps(sorted(told, key=lambda each: (str(each["node"]), str(each["guid"])))))


def _encode(port: mad.PortRecord, table: Any) -> dict[str, object]:
    known = not isinstance(table, mad.NotKnown)
    wire = [entry.to_wire() if entry else 0 for entry in table] if known else None
    while wire and not wire[-1]:
        wire.pop()
    return {
        "guid": str(port.guid),
        "node": port.description or "",
        "entries": wire,
        "why": None if known else str(table),
    }


if __name__ == "__main__":
    main()
