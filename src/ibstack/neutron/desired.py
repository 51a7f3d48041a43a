# SPDX-License-Identifier: Apache-2.0
"""What a host and a fabric should have, assembled from what Neutron's tables hold.

Pure: `tables.py` reads the rows.  Answers are in the words of docs/reference/protocols.md.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ibstack.fabric.errors import BadValue, Refused
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import (
    DEFAULT_PARTITION,
    KeyRange,
    Membership,
    PartitionKey,
    TableEntry,
)
from ibstack.fabric.pci import PciAddress

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ibstack.neutron.reported import ReportedAdapter

FLAT: Final = "flat"
ACTIVE: Final = "ACTIVE"

Answer: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BoundPort:
    """One row of the join: a binding of ours, its Neutron port, and the segment it is bound to."""

    port_id: str
    network_id: str
    mac: str
    admin_state_up: bool
    status: str
    host: str
    profile: str
    """The binding profile as the database keeps it: JSON, or an empty string."""
    binding: str
    """ACTIVE, or INACTIVE for the destination of a live migration."""
    network_type: str
    physical_network: str
    segmentation_id: int | None
    revision: int
    created: str
    """When the port was made; orders ports by age."""
    waiting: bool = False
    """True: the port waits for its provisioning entity IB_FABRIC."""

    @property
    def age(self) -> tuple[str, str]:
        return self.created, self.port_id


def table_entry(network_type: str, segmentation_id: int | None, owned: KeyRange) -> TableEntry:
    """Return what a port of such a segment holds in its table; BadValue where it may not be."""
    if network_type == FLAT:
        return TableEntry(DEFAULT_PARTITION, full_member=False)
    key = PartitionKey.parse(str(segmentation_id))
    if key not in owned:
        raise BadValue(
            "partition key", str(key), f"outside {owned}, the range in [infiniband] owned_keys"
        )
    return TableEntry(key, full_member=True)


def pci_slot(profile: Mapping[str, Any] | None) -> str | None:
    """Return `pci_slot` of a binding profile as text, None where there is none."""
    slot = (profile or {}).get("pci_slot")
    return str(slot) if slot else None


def pci_address(profile: str) -> PciAddress | None:
    """Return the VF that a stored binding profile names; None for none, BadValue for nonsense."""
    if "pci_slot" not in profile:
        return None
    slot = pci_slot(json.loads(profile))
    return None if slot is None else PciAddress.parse(slot)


def younger_twins(rows: Iterable[BoundPort]) -> dict[str, str]:
    """Return the ports whose MAC an older port of the fabric has: port id to the older one's id.

    Two ports with one MAC have one GUID, and a fabric knows a port by its GUID alone.  Neutron
    keeps MACs unique within a network only.
    """
    oldest: dict[tuple[str, str], BoundPort] = {}
    twins: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row.age):
        first = oldest.setdefault((row.physical_network, row.mac), row)
        if first.port_id != row.port_id:
            twins[row.port_id] = first.port_id
    return twins


def host_answer(
    rows: Iterable[BoundPort], twins: Collection[str], owned: KeyRange, etag: str | None
) -> Answer:
    """Answer `host_ports` from the bindings of a host, without the ports in *twins*."""
    found = (_port(row, owned) for row in rows if row.port_id not in twins)
    ports = sorted((port for port in found if port is not None), key=lambda port: str(port["id"]))
    current = _etag(ports)
    return {"etag": current, "ports": None if current == etag else ports}


def fabric_answer(
    rows: Collection[BoundPort],
    adapters: Mapping[str, tuple[ReportedAdapter, ...]],
    owned: KeyRange,
    etag: str | None,
) -> Answer:
    """Answer `fabric_members` from the bindings on a physical network, and each host's adapters.

    A flat network has no members here: every port is a limited member of the default partition.
    The etag also changes when a port begins to wait for IB_FABRIC, so that a report falls due.
    """
    members: list[Answer] = []
    held: list[Answer] = []
    rows = [row for row in rows if _belongs(row)]
    twins = younger_twins(rows)
    for row in sorted(rows, key=lambda row: row.port_id):
        try:
            _refuse_twin(row, twins)
            members.append(_member(row, adapters, owned))
        except (BadValue, Refused, ValueError) as error:
            held.append({"port_id": row.port_id, "why": str(error)})
    waiting = sorted(row.port_id for row in rows if row.waiting)
    current = _etag([members, held, waiting])
    return {"etag": current, "members": None if current == etag else members, "held": held}


def _belongs(row: BoundPort) -> bool:
    return row.binding == ACTIVE and row.admin_state_up and row.network_type != FLAT


def _port(row: BoundPort, owned: KeyRange) -> Answer | None:
    try:
        entry = table_entry(row.network_type, row.segmentation_id, owned)
        guid = Guid.from_mac(row.mac)
        pci = pci_address(row.profile)
    except ValueError:
        return None  # fabric_answer() says why.
    return {
        "id": row.port_id,
        "network_id": row.network_id,
        "mac": row.mac,
        "guid": str(guid),
        "pci": None if pci is None else str(pci),
        "physical_network": row.physical_network,
        "entry": str(entry),
        "admin_state_up": row.admin_state_up,
        "status": row.status,
        "binding": row.binding,
        "revision": row.revision,
    }


def _refuse_twin(row: BoundPort, twins: Mapping[str, str]) -> None:
    if row.port_id in twins:
        raise Refused(
            f"its MAC address {row.mac} is also that of port {twins[row.port_id]}, which is older; "
            "give it another one"
        )


def _member(
    row: BoundPort, adapters: Mapping[str, tuple[ReportedAdapter, ...]], owned: KeyRange
) -> Answer:
    entry = table_entry(row.network_type, row.segmentation_id, owned)
    own = Guid.from_mac(row.mac)
    physical = _physical_port(row, adapters.get(row.host))
    return {
        "port_id": row.port_id,
        "host": row.host,
        "guid": str(own if physical is None else physical),
        "key": str(entry.partition),
        "membership": Membership.FULL.value,
        "shared": physical is not None,
    }


def _physical_port(row: BoundPort, adapters: tuple[ReportedAdapter, ...] | None) -> Guid | None:
    """Return the GUID of the physical port that is the member; None where the VF itself is."""
    if adapters is None:
        raise Refused(f"ibstack-agent on host {row.host} has never reported its adapters")
    found = _adapters_of(row, adapters)
    if not any(adapter.shares_table for adapter in found):
        return None
    if len(found) > 1:
        raise Refused(f"it has no pci_slot, so it may be on any adapter of host {row.host}")
    if found[0].port_guid is None:
        raise Refused(f"the port GUID of its adapter on host {row.host} is not known yet")
    return found[0].port_guid


def _adapters_of(
    row: BoundPort, adapters: tuple[ReportedAdapter, ...]
) -> tuple[ReportedAdapter, ...]:
    found = tuple(a for a in adapters if a.physical_network == row.physical_network)
    pci = pci_address(row.profile)
    if pci is not None:
        found = tuple(adapter for adapter in found if pci in adapter.vfs)
    if not found:
        of_what = f"with VF {pci}" if pci else "at all"
        raise Refused(
            f"host {row.host} reports no adapter of physical network {row.physical_network} "
            f"{of_what}"
        )
    return found


def _etag(content: object) -> str:
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
