# SPDX-License-Identifier: Apache-2.0
"""All kinds of objects, by name.  A new kind is a table beside this file, and one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.cluster.model.base_partition import BROKER, PARTITION
from ibstack.cluster.model.device import CATEGORY, DEVICE, NODEGROUP, VIRTUALNODESETTINGS
from ibstack.cluster.model.network import FABRIC, NETWORK
from ibstack.cluster.model.node_parts import (
    BMCSETTINGS,
    FSEXPORT,
    FSMOUNT,
    INTERFACE,
    SERVICE,
    STATICROUTE,
)
from ibstack.cluster.model.role import ROLE
from ibstack.cluster.model.softwareimage import SOFTWAREIMAGE

if TYPE_CHECKING:
    from ibstack.cluster.model.kind import Kind

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        *(SOFTWAREIMAGE, CATEGORY, DEVICE, NODEGROUP, NETWORK, FABRIC, PARTITION),
        *(ROLE, SERVICE, INTERFACE, VIRTUALNODESETTINGS),
        *(FSMOUNT, FSEXPORT, STATICROUTE, BMCSETTINGS, BROKER),
    )
}
"""Kinds by name; those of the top level first, in the order in which they are written to files."""


def kind(name: str) -> Kind:
    """Return the kind of that name; KeyError for none."""
    return KINDS[name]


def top_kinds() -> tuple[Kind, ...]:
    """Return the modes of the top level."""
    return tuple(each for each in KINDS.values() if not each.inside)


def kinds_inside(name: str, type_: str = "") -> tuple[Kind, ...]:
    """Return the submodes of objects of kind *name*; with *type_*, of those of that type."""
    return tuple(
        each
        for each in KINDS.values()
        if name in each.inside
        and (not type_ or not each.inside_types or type_ in each.inside_types)
    )
