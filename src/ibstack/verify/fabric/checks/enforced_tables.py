# SPDX-License-Identifier: Apache-2.0
"""What a switch lets through at a port is what the port behind it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.verify.check import Rule, Seen
from ibstack.verify.site import not_one_by_one, on_fabric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ibstack.fabric.partition import TableEntry
    from ibstack.verify.fabric.look import FabricLook

_SOURCE: Final = "P_KeyTable of each port of a switch, and of the port behind it"


def _judge(fabric: FabricLook) -> Iterator[Seen]:
    behind = fabric.behind()
    for switch_port in fabric.switch_ports:
        port = behind.get((switch_port.switch, switch_port.number))
        if port is None or port.table is None or switch_port.table is None:
            continue
        # The switch is told one form of each key: the full one where the port has both.
        keys = {entry.partition for entry in port.held}
        passed = {entry.partition for entry in switch_port.held}
        more = [entry for entry in switch_port.held if entry.partition not in keys]
        fewer = [entry for entry in port.held if entry.partition not in passed]
        found = _told("lets through", more) + _told("stops", fewer)
        holds = not more and not fewer
        yield Seen(port.host, holds, "; ".join(found) or "equal", _SOURCE, str(switch_port))


def _told(verb: str, entries: Iterable[TableEntry]) -> list[str]:
    listed = " ".join(str(entry) for entry in sorted(entries))
    return [f"{verb} {listed}"] if listed else []


def _look(fabric: FabricLook) -> Iterator[Seen]:
    return not_one_by_one(_judge(fabric), _SOURCE, "ports of switches")


RULE: Final = Rule(
    "enforced-tables",
    "the switch enforces the keys that the port behind it holds",
    "the same keys in both tables",
    "`ibstack partition audit`: one of the two tables was written behind OpenSM's back, and is"
    " written anew when the port's partitions change or its cable is pulled",
    on_fabric(_look),
)
