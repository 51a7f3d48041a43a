# SPDX-License-Identifier: Apache-2.0
"""P_Key tables of ports: their index 0, their room, and who is a full member of the default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import DEFAULT_PARTITION, TableEntry
from ibstack.verify.check import Observation, rule
from ibstack.verify.fabric.files import listed_full
from ibstack.verify.selectors import on_fabric, summarize_ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.facts.fabric.observed import ObservedFabric
    from ibstack.facts.site import Site

_TABLES: Final = "P_KeyTable of each port"


# Seen on OpenSM 3.3.23: slot 0 is kept for 0xffff unless the Default line has indx0.
@rule(
    "dead-index-0",
    "index 0 of the port's table holds a key",
    "a key at index 0",
    "write `indx0` on the Default line of partitions.conf, as ibstack-fabricd does",
)
@on_fabric
@summarize_ok(_TABLES, "ports")
def dead_index_0(fabric: ObservedFabric) -> Iterator[Observation]:
    """Index 0 of each table holds a key: that is where ib0 and an untouched VF look."""
    for port in fabric.adapters:
        if port.active and port.table:
            found = str(port.table[0]) if port.table[0] else "0x0000 at index 0"
            yield Observation(port.host, port.table[0] is not None, found, _TABLES, str(port))


_OPEN: Final = TableEntry(DEFAULT_PARTITION, full_member=True)


@rule(
    "open-default",
    "no port is a full member of the default partition unless it is listed",
    "0x7fff, limited",
    "look whether OpenSM could read its file (`retrying with default config` in its log);"
    " `ibstack partition audit` has it mended; list the port in full_default_members if it is one",
    rank=4,
)
def open_default(site: Site) -> Iterator[Observation]:
    """No port is a full member of the default partition but those that are listed."""
    known = site.subnet_manager_hosts()
    listed = {guid for host in known for guid in listed_full(host)}
    names = {host.host for host in known}

    @on_fabric
    @summarize_ok(_TABLES, "ports")
    def judge(fabric: ObservedFabric) -> Iterator[Observation]:
        # The subnet manager in office is one by SELF.  Any host can set the bit that says that it
        # has one, so what calls itself one beside it has to be a host whose files say so.
        masters = [port.guid for port in fabric.managers if port.is_master]
        allowed = listed | {port.guid for port in fabric.managers if port.host in names}
        allowed |= set(masters) if len(masters) == 1 else set()
        for port in fabric.adapters:
            if port.table is not None:
                holds = _OPEN not in port.held or port.guid in allowed
                yield Observation(port.host, holds, f"{_OPEN} in its table", _TABLES, str(port))

    return judge(site)


_TABLES_AND_ROOM: Final = "P_KeyTable of each port, NodeInfo"
_SHARE_LEFT: Final = 16
"""One in so many entries, and one at least: a person has to have time to act."""


# Seen on OpenSM 3.3.23: what does not fit is dropped, and ERR 0512 in its log is all it says.
@rule(
    "table-capacity",
    "the port's table has room for further partitions",
    "one entry in 16 free",
    "move instances of other networks to other hosts: OpenSM drops a key that does not fit (ERR"
    " 0512 in its log)",
    rank=4,
)
@on_fabric
@summarize_ok(_TABLES_AND_ROOM, "ports")
def table_capacity(fabric: ObservedFabric) -> Iterator[Observation]:
    """There is room in each port's table for further partitions."""
    for port in fabric.adapters:
        if port.table:
            free = port.table.count(None)
            found = f"{free} of {len(port.table)} entries are free"
            holds = free >= max(len(port.table) // _SHARE_LEFT, 1)
            yield Observation(port.host, holds, found, _TABLES_AND_ROOM, str(port))
