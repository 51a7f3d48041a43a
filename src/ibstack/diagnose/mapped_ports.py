# SPDX-License-Identifier: Apache-2.0
"""This host's ports of a physical network, as ibstack-eswitchd maps them and sysfs shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ibstack.fabric.errors import IbstackError
from ibstack.host.client.eswitch_client import EswitchClient
from ibstack.runtime.sysfs import Sysfs

if TYPE_CHECKING:
    from ibstack.diagnose.local_vf import VfSource
    from ibstack.fabric.partition import PartitionKey


@dataclass(frozen=True, slots=True)
class MappedPort:
    """One physical port."""

    device: str
    number: int
    sm_lid: int
    """0: no subnet manager has configured it."""
    keys: frozenset[PartitionKey]
    """Of its P_Key table."""


def mapped_ports(source: VfSource, physical_network: str) -> tuple[MappedPort, ...]:
    """Return those of *physical_network*; none where ibstack-eswitchd or sysfs does not tell."""
    try:
        adapters = EswitchClient(source.socket).read().adapters
    except IbstackError:
        return ()
    sysfs, found = Sysfs(source.sysfs), []
    for adapter in adapters:
        if adapter.physical_network != physical_network:
            continue
        port = f"class/infiniband/{adapter.device}/ports/{adapter.port}"
        sm_lid = sysfs.number(port, "sm_lid")
        if sm_lid is not None:
            keys = frozenset(entry.partition for entry in sysfs.pkey_table(port))
            found.append(MappedPort(adapter.device, adapter.port, sm_lid, keys))
    return tuple(found)
