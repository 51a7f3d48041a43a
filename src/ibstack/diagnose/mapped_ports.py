# SPDX-License-Identifier: Apache-2.0
"""This host's ports of a physical network, as ibstack-eswitchd maps them and sysfs shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.diagnose.vf_guids import text_of
from ibstack.fabric.errors import BadValue, IbstackError
from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.host.eswitch_client import EswitchClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ibstack.diagnose.local_vf import VfSource


@dataclass(frozen=True, slots=True)
class MappedPort:
    """One physical port."""

    device: str
    number: int
    sm_lid: int
    """0: no subnet manager has configured it."""
    keys: frozenset[PartitionKey]
    """Of its P_Key table."""


def mapped_ports(place: VfSource, physical_network: str) -> tuple[MappedPort, ...]:
    """Return those of *physical_network*; none where ibstack-eswitchd or sysfs does not tell."""
    try:
        adapters = EswitchClient(place.socket).read().adapters
    except IbstackError:
        return ()
    found = []
    for adapter in adapters:
        if adapter.physical_network != physical_network:
            continue
        folder = place.sysfs / f"class/infiniband/{adapter.device}/ports/{adapter.port}"
        sm_lid = _number(folder / "sm_lid")
        if sm_lid is not None:
            keys = frozenset(_keys(folder / "pkeys"))
            found.append(MappedPort(adapter.device, adapter.port, sm_lid, keys))
    return tuple(found)


def _keys(folder: Path) -> Iterator[PartitionKey]:
    for path in folder.glob("*"):
        raw = _number(path)
        try:
            entry = TableEntry.from_wire(raw or 0)
        except BadValue:
            continue
        if entry is not None:
            yield entry.partition


def _number(path: Path) -> int | None:
    try:
        return int(text_of(path), 0)
    except ValueError:
        return None
