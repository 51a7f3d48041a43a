# SPDX-License-Identifier: Apache-2.0
"""GUIDs that several nodes of a fabric have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.guid import Guid
from ibstack.formats.codec import record

if TYPE_CHECKING:
    from ibstack.mad import Duplicate

_PLACES_NAMED: Final = 4


@record
@dataclass(frozen=True, slots=True)
class SharedGuid:
    """A GUID that several nodes have."""

    guid: Guid
    of: str
    """What it names: `port` or `node`."""
    places: tuple[str, ...]
    """Each node, and where its cable ends."""

    def __str__(self) -> str:
        named = list(self.places[:_PLACES_NAMED])
        if len(self.places) > _PLACES_NAMED:
            named.append(f"and {len(self.places) - _PLACES_NAMED} more")
        return f"the {self.of} GUID of {', '.join(named)}"


def shared_guid(duplicate: Duplicate) -> SharedGuid:
    """Return what a person is told of a GUID that several nodes have."""
    places = tuple(port.place for port in duplicate.ports)
    return SharedGuid(duplicate.guid, duplicate.of.value, places)
