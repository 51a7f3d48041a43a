# SPDX-License-Identifier: Apache-2.0
"""Asking each subnet manager of a fabric what it is, and whether it has the same SM_Key as ours.

A standby of the same key takes over when the master goes, and a master of the same key and of a
higher priority is given the fabric: so who has the key of the site's is the fabric's next master.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibstack.mad import Lid, NotKnown, Route
from ibstack.subnet_manager.policy.drift import ObservedManager

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibstack.mad import FabricReader, PortRecord, SmInfo


def observed_managers(
    reader: FabricReader, records: Iterable[PortRecord], our_lid: int
) -> tuple[ObservedManager, ...]:
    """Ask the subnet manager on each of *records*.

    *our_lid*: of the port of this host's subnet manager; 0: there is none, so no key is compared.
    """
    records = list(records)
    if not records:
        return ()
    ours = reader.subnet_manager_at(Lid(our_lid)) if our_lid else None
    key = 0 if ours is None or isinstance(ours, NotKnown) else ours.key
    return tuple(_observed(record, _asked(reader, record), key) for record in records)


def _asked(reader: FabricReader, record: PortRecord) -> SmInfo | NotKnown:
    by_lid = record.lid and not record.shares_guid
    way = Lid(record.lid) if by_lid else Route(record.route)
    return reader.subnet_manager_at(way)


def _observed(record: PortRecord, said: SmInfo | NotKnown, our_key: int) -> ObservedManager:
    if isinstance(said, NotKnown):
        return ObservedManager(record.guid, record.place, None)
    same = said.key == our_key if said.key and our_key else None
    return ObservedManager(
        record.guid, record.place, said.state.name.lower().replace("_", " "), same
    )
