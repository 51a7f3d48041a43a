# SPDX-License-Identifier: Apache-2.0
"""What was read of a fabric, as JSON: `fabric.json` of a collection; written and read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.guid import Guid
from ibstack.facts.fabric.observed import ObservedFabric
from ibstack.facts.json_file import read_object, unreadable
from ibstack.formats.codec import BadShape, from_json, to_json

if TYPE_CHECKING:
    from ibstack.fabric.partition import PkeyTable
    from ibstack.facts.fabric.observed import FabricPort

_REMEDY: Final = (
    "wanted is what `ibstack verify fabric --write FOLDER` writes as FOLDER/fabric.json"
)
_SWITCH: Final = ("switch", "switch_port")
"""Where a port's cable leads, in the file."""
_LONGEST_TABLE: Final = 0xFFFF
"""PartitionCap of NodeInfo has 16 bits (IBTA volume 1, 14.2.5.3)."""


def dump(fabric: ObservedFabric) -> str:
    """Return the text of *fabric*; of a table, what is behind its last entry is left out."""
    written = to_json(fabric)
    for row, port in zip(written["ports"], fabric.ports, strict=True):
        row["table_length"] = None if port.table is None else len(port.table)
        row |= zip(_SWITCH, row.pop("cabled_to") or (None, None), strict=True)
    return json.dumps(written, indent=1) + "\n"


def load(text: str, file: str) -> ObservedFabric:
    """Read what dump() wrote; BadInput for anything else."""
    # Not in what older versions wrote.
    written = {"shared_guids": None, **read_object(text, file, _REMEDY)}
    try:
        found = from_json(ObservedFabric, written)
        ports = map(_whole, found.ports, written["ports"])
        outer = (
            replace(each, table=_padded(each.table, each.capacity)) for each in found.switch_ports
        )
        return replace(found, ports=tuple(ports), switch_ports=tuple(outer))
    except BadShape as error:
        raise unreadable(file, str(error), _REMEDY) from error


def _whole(port: FabricPort, row: dict[str, Any]) -> FabricPort:
    """Return the port with what *row* has apart from its fields."""
    length = from_json(int, row.get("table_length") or 0)
    switch, number = (row.get(name) for name in _SWITCH)
    cabled_to = None
    if switch is not None and number is not None:
        cabled_to = from_json(Guid, switch), from_json(int, number)
    return replace(port, table=_padded(port.table, length), cabled_to=cabled_to)


def _padded(table: PkeyTable | None, length: int) -> PkeyTable | None:
    if length > _LONGEST_TABLE:
        raise BadShape(f"expected a table of at most {_LONGEST_TABLE} entries, got {length}")
    return None if table is None else (*table, *[None] * (length - len(table)))
