# SPDX-License-Identifier: Apache-2.0
"""What a host and a fabric should have, assembled from what Neutron's tables hold.

Pure: `tables.py` reads the rows.  Answers are in the words of docs/reference/protocols.md.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
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
    from ibstack.neutron.tables import Changes

FLAT: Final = "flat"
VLAN: Final = "vlan"
ACTIVE: Final = "ACTIVE"

Answer: TypeAlias = dict[str, Any]


class UnknownAdapter(Refused):
    """By what the host's agent reports, the adapter of a port is not known now."""


@dataclass(frozen=True, slots=True)
class Fabric:
    """A physical network, and the keys that ibstack may give out on it."""

    physical_network: str
    owned: KeyRange


@dataclass(frozen=True, slots=True)
class BoundPort:
    """A binding of ours to a host, its Neutron port, and the segment that it is bound to."""

    port_id: str
    network_id: str
    mac: str
    admin_state_up: bool
    status: str
    profile: str
    """The binding profile as the database keeps it: JSON, or an empty string."""
    binding: str
    """ACTIVE, or INACTIVE for the destination of a live migration."""
    network_type: str
    physical_network: str
    segmentation_id: int | None
    revision: int


@dataclass(frozen=True, slots=True)
class BelongingPort:
    """A port that belongs to a partition of a fabric.

    Its binding is ACTIVE, it is switched on, and its network is not flat: of the default partition
    every port is a limited member.
    """

    port_id: str
    mac: str
    host: str
    profile: str
    segmentation_id: int | None
    waiting: bool = False
    """True: the port waits for its provisioning entity IB_FABRIC."""


@dataclass(frozen=True, slots=True)
class OwnPort:
    """A DHCP or router port: its host plugs it for itself, and is the member.

    It is switched on, and its network is not flat.
    """

    port_id: str
    host: str
    segmentation_id: int | None


# A fabric is assembled again and again, nearly all of it as before.
_guid_of = functools.lru_cache(maxsize=262144)(Guid.from_mac)


@functools.lru_cache(maxsize=8192)
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


# The hosts of a cloud have much the same VFs, so their ports have much the same profiles.
@functools.lru_cache(maxsize=8192)
def pci_address(profile: str) -> PciAddress | None:
    """Return the VF that a stored binding profile names; None for none, BadValue for nonsense."""
    if "pci_slot" not in profile:
        return None
    slot = pci_slot(json.loads(profile))
    return None if slot is None else PciAddress.parse(slot)


def sharing_a_mac(ports: Iterable[BelongingPort]) -> list[BelongingPort]:
    """Return those of a fabric's *ports* whose MAC another one has too."""
    ports = list(ports)
    count = Counter(port.mac for port in ports)
    return [port for port in ports if count[port.mac] > 1]


def younger_twins(ports: Iterable[BelongingPort], made: Mapping[str, str]) -> dict[str, str]:
    """Return the ports whose MAC an older one of the fabric has: port id to the older one's id.

    Two ports with one MAC have one GUID, and a fabric knows a port by its GUID alone.  Neutron
    keeps MACs unique within a network only.  *made* says when each port was made.
    """
    oldest: dict[str, BelongingPort] = {}
    twins: dict[str, str] = {}
    for port in sorted(ports, key=lambda port: (made.get(port.port_id, ""), port.port_id)):
        first = oldest.setdefault(port.mac, port)
        if first.port_id != port.port_id:
            twins[port.port_id] = first.port_id
    return twins


def host_answer(
    ports: Iterable[BoundPort], twins: Collection[str], owned: KeyRange, etag: str | None
) -> Answer:
    """Answer `host_ports` from the bindings to a host, without the ports in *twins*."""
    found = (_port(port, owned) for port in ports if port.port_id not in twins)
    told = sorted((port for port in found if port is not None), key=lambda port: str(port["id"]))
    current = _etag(told)
    return {"etag": current, "ports": None if current == etag else told}


def fabric_answer(
    ports: Iterable[BelongingPort],
    own: Iterable[OwnPort],
    twins: Mapping[str, str],
    adapters: Mapping[str, tuple[ReportedAdapter, ...]],
    fabric: Fabric,
    etag: str | None,
    stamp: str,
) -> Answer:
    """Answer `fabric_members` from the ports of a fabric, and each host's adapters.

    *own*: those that hosts plug for themselves.  *stamp* was made before any of them was read.
    The etag also changes when a port begins to wait for IB_FABRIC, so that a report falls due.
    """
    members: list[Answer] = []
    held: list[Answer] = []
    waiting: list[str] = []
    for port in sorted(ports, key=lambda port: port.port_id):
        if port.waiting:
            waiting.append(port.port_id)
        try:
            _refuse_twin(port, twins)
            members.append(_member(port, adapters.get(port.host), fabric))
        except (BadValue, Refused, ValueError) as error:
            held.append(_held(port, fabric, error))
    for one in sorted(own, key=lambda port: port.port_id):
        try:
            members += _own_members(one, adapters.get(one.host), fabric)
        except (BadValue, Refused) as error:
            held.append(_held(one, fabric, error))
    content = _etag([members, held, waiting])
    same = etag is not None and etag.rpartition("-")[2] == content
    return {
        "etag": f"{stamp}-{content}",
        "members": None if same else members,
        "held": held,
    }


def stamp(changes: Changes | None, owned: KeyRange, period: int) -> str:
    """Return what is another text after anything that fabric_answer() is made of has changed.

    Empty, and good for nothing, without *changes*, which tables.changes() finds.  *period* numbers
    the hours: nothing is believed unread for longer, not even what was changed in the database
    behind Neutron's back.
    """
    return "" if changes is None else _etag([repr(changes), str(owned), period])[:32]


def is_stamped(etag: str | None, stamp: str) -> bool:
    """Return whether *etag* was given when all was as it is now."""
    return bool(stamp) and etag is not None and etag.rpartition("-")[0] == stamp


def _port(row: BoundPort, owned: KeyRange) -> Answer | None:
    try:
        entry = table_entry(row.network_type, row.segmentation_id, owned)
        guid = _guid_of(row.mac)
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


def _held(port: BelongingPort | OwnPort, fabric: Fabric, error: Exception) -> Answer:
    """Say why a port is no member; with host and key where what it has now is still its own."""
    told: Answer = {"port_id": port.port_id, "why": str(error)}
    if isinstance(error, UnknownAdapter):
        entry = table_entry(VLAN, port.segmentation_id, fabric.owned)
        told |= {"host": port.host, "key": str(entry.partition)}
    return told


def _refuse_twin(port: BelongingPort, twins: Mapping[str, str]) -> None:
    if port.port_id in twins:
        raise Refused(
            f"its MAC address {port.mac} is also that of port {twins[port.port_id]}, which is "
            "older; give it another one"
        )


def _member(
    port: BelongingPort, adapters: tuple[ReportedAdapter, ...] | None, fabric: Fabric
) -> Answer:
    entry = table_entry(VLAN, port.segmentation_id, fabric.owned)
    own = _guid_of(port.mac)
    physical = _physical_port(port, adapters, fabric.physical_network)
    guid = own if physical is None else physical
    return _membership(port, guid, entry, shared=physical is not None)


def _own_members(
    port: OwnPort, adapters: tuple[ReportedAdapter, ...] | None, fabric: Fabric
) -> list[Answer]:
    """Return a membership for each adapter: the agent may use any that is up."""
    entry = table_entry(VLAN, port.segmentation_id, fabric.owned)
    if adapters is None:
        raise UnknownAdapter(f"ibstack-agent on host {port.host} has never reported its adapters")
    found = [one for one in adapters if one.physical_network == fabric.physical_network]
    if not found:
        raise UnknownAdapter(
            f"host {port.host} reports no adapter of physical network {fabric.physical_network}"
        )
    guids = sorted(one.port_guid for one in found if one.port_guid is not None)
    if not guids:
        raise UnknownAdapter(f"the port GUID of no adapter on host {port.host} is known yet")
    return [_membership(port, guid, entry, shared=True) for guid in guids]


def _membership(
    port: BelongingPort | OwnPort, guid: Guid, entry: TableEntry, *, shared: bool
) -> Answer:
    return {
        "port_id": port.port_id,
        "host": port.host,
        "guid": str(guid),
        "key": str(entry.partition),
        "membership": Membership.FULL.value,
        "shared": shared,
    }


def _physical_port(
    port: BelongingPort, adapters: tuple[ReportedAdapter, ...] | None, physical_network: str
) -> Guid | None:
    """Return the GUID of the physical port that is the member; None where the VF itself is."""
    if adapters is None:
        raise UnknownAdapter(f"ibstack-agent on host {port.host} has never reported its adapters")
    found = _adapters_of(port, adapters, physical_network)
    if not any(adapter.shares_table for adapter in found):
        return None
    if len(found) > 1:
        raise UnknownAdapter(f"it has no pci_slot, so it may be on any adapter of host {port.host}")
    if found[0].port_guid is None:
        raise UnknownAdapter(f"the port GUID of its adapter on host {port.host} is not known yet")
    return found[0].port_guid


def _adapters_of(
    port: BelongingPort, adapters: tuple[ReportedAdapter, ...], physical_network: str
) -> list[ReportedAdapter]:
    found = [adapter for adapter in adapters if adapter.physical_network == physical_network]
    pci = pci_address(port.profile)
    if pci is not None:
        found = [adapter for adapter in found if pci in adapter.vfs]
    if not found:
        of_what = f"with VF {pci}" if pci else "at all"
        raise UnknownAdapter(
            f"host {port.host} reports no adapter of physical network {physical_network} {of_what}"
        )
    return found


def _etag(content: object) -> str:
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
