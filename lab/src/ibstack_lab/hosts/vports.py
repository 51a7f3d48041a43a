# SPDX-License-Identifier: Apache-2.0
"""What a driver sees of its port, kept in a file for the lab's guests and wires.

`hosts/<host>/ports/<pci>.json`: of a VF while a guest's driver runs on it, of a physical function
always.  It is made from what OpenSM wrote, never from what was asked for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.fabric.pci import PciAddress


@dataclass(frozen=True, slots=True)
class GuestPort:
    """A VF's port as its guest sees it."""

    guid: Guid | None
    """None: the port has no GUID that the fabric knows."""
    active: bool
    table: tuple[TableEntry | None, ...]
    """By virtual index, without the empty tail; IPoIB uses index 0."""


def port_file(host_folder: Path, pci: PciAddress) -> Path:
    """Return the file of the VF at *pci*; *host_folder*: hosts/<host> of the lab."""
    return host_folder / "ports" / f"{pci}.json"


def write(path: Path, port: GuestPort) -> None:
    """Replace the file in one step."""
    path.parent.mkdir(exist_ok=True)
    fields = {
        "guid": str(port.guid) if port.guid else None,
        "active": port.active,
        "table": [str(entry) if entry else None for entry in port.table],
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(fields) + "\n")
    fresh.replace(path)


def read(path: Path) -> GuestPort | None:
    """Return what the guest sees; None where no guest's driver runs on the VF."""
    try:
        fields = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return GuestPort(
        guid=Guid.parse(fields["guid"]) if fields["guid"] else None,
        active=fields["active"],
        table=tuple(TableEntry.from_wire(int(e, 16)) if e else None for e in fields["table"]),
    )
