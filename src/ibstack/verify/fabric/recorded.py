# SPDX-License-Identifier: Apache-2.0
"""A look at a fabric as JSON: `fabric.json` of a collection.  The reverse of each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import TableEntry
from ibstack.mad import NodeType, SmState
from ibstack.subnet_manager.policy.drift import SharedGuid
from ibstack.verify.fabric.look import EnforcingPort, FabricLook, FabricPort
from ibstack.verify.json_file import read_object, unreadable

if TYPE_CHECKING:
    from ibstack.fabric.partition import PkeyTable

_REMEDY: Final = (
    "wanted is what `ibstack verify fabric --write FOLDER` writes as FOLDER/fabric.json"
)
_SHOWN: Final = 60


def dump(look: FabricLook) -> str:
    """Return the text of *look*; of a table, what is behind its last entry is left out."""
    told = {
        "ports": [_port(port) for port in look.ports],
        "switch_ports": [_switch_port(port) for port in look.switch_ports],
        "problems": list(look.problems),
        "shared_guids": None if look.shared is None else [_shared(each) for each in look.shared],
    }
    return json.dumps(told, indent=1) + "\n"


def load(text: str, file: str) -> FabricLook:
    """Read what dump() wrote; BadInput for anything else."""
    told = read_object(text, file, _REMEDY)
    try:
        return FabricLook(
            tuple(_read_port(each) for each in told["ports"]),
            tuple(_read_switch_port(each) for each in told["switch_ports"]),
            tuple(map(str, told["problems"])),
            _read_shared(told.get("shared_guids")),
        )
    except KeyError as error:
        # Of a table of ours, such as the kinds of nodes, or of the file's own objects.
        raise unreadable(
            file, f"it has no {str(error)[:_SHOWN]} where that is needed", _REMEDY
        ) from None
    except BadValue as error:
        raise unreadable(file, str(error), _REMEDY) from error
    except (ValueError, TypeError, AttributeError):
        raise unreadable(file, "a value in it is of another kind", _REMEDY) from None


def _port(port: FabricPort) -> dict[str, Any]:
    return {
        "guid": str(port.guid),
        "node": port.node,
        "node_type": port.node_type.name.lower(),
        "lid": port.lid,
        "active": port.active,
        "table_length": None if port.table is None else len(port.table),
        "table": _entries(port.table),
        "is_sm": port.is_sm,
        "sm_state": None if port.sm_state is None else port.sm_state.name.lower(),
        "mtu_bytes": port.mtu_bytes,
        "multicast_cap": port.multicast_cap,
        "why_unread": port.why_unread or None,
        "switch": None if port.cabled_to is None else str(port.cabled_to[0]),
        "switch_port": None if port.cabled_to is None else port.cabled_to[1],
    }


def _shared(shared: SharedGuid) -> dict[str, Any]:
    return {"guid": str(shared.guid), "of": shared.of, "places": list(shared.places)}


def _read_shared(told: list[dict[str, Any]] | None) -> tuple[SharedGuid, ...] | None:
    if told is None:
        return None
    return tuple(
        SharedGuid(Guid.parse(each["guid"]), str(each["of"]), tuple(map(str, each["places"])))
        for each in told
    )


def _switch_port(port: EnforcingPort) -> dict[str, Any]:
    return {
        "switch": str(port.switch),
        "node": port.node,
        "number": port.number,
        "capacity": port.capacity,
        "enforces": port.enforces,
        "can_enforce": port.can_enforce,
        "peer": None if port.peer is None else str(port.peer),
        "table": _entries(port.table),
        "why_unread": port.why_unread or None,
    }


def _entries(table: PkeyTable | None) -> str | None:
    if table is None:
        return None
    words = [str(entry) if entry else "-" for entry in table]
    while words and words[-1] == "-":
        words.pop()
    return " ".join(words)


def _read_port(told: dict[str, Any]) -> FabricPort:
    return FabricPort(
        guid=Guid.parse(told["guid"]),
        node=str(told["node"]),
        node_type=NodeType[told["node_type"].upper()],
        lid=int(told["lid"]),
        active=bool(told["active"]),
        table=_table(told["table"], told["table_length"]),
        is_sm=bool(told["is_sm"]),
        sm_state=None if told["sm_state"] is None else SmState[told["sm_state"].upper()],
        mtu_bytes=told["mtu_bytes"],
        multicast_cap=told["multicast_cap"],
        why_unread=str(told.get("why_unread") or ""),
        # Not in what older versions wrote.
        cabled_to=_read_cabled_to(told.get("switch"), told.get("switch_port")),
    )


def _read_cabled_to(switch: str | None, number: int | None) -> tuple[Guid, int] | None:
    return None if switch is None or number is None else (Guid.parse(switch), int(number))


def _read_switch_port(told: dict[str, Any]) -> EnforcingPort:
    return EnforcingPort(
        switch=Guid.parse(told["switch"]),
        node=str(told["node"]),
        number=int(told["number"]),
        capacity=int(told["capacity"]),
        enforces=bool(told["enforces"]),
        peer=None if told["peer"] is None else Guid.parse(told["peer"]),
        table=_table(told["table"], told["capacity"]),
        # Not in what older versions wrote.
        can_enforce=told.get("can_enforce"),
        why_unread=str(told.get("why_unread") or ""),
    )


def _table(words: str | None, length: int | None) -> PkeyTable | None:
    if words is None:
        return None
    entries = [
        None if word == "-" else TableEntry.from_wire(int(word, 16)) for word in words.split()
    ]
    return (*entries, *[None] * ((length or 0) - len(entries)))
