# SPDX-License-Identifier: Apache-2.0
"""What Neutron's tables hold of the ports that are ours, and what that means on a fabric.

Pure: `desired_tables.py` reads the rows; `host_answer.py` and `fabric_answer.py` make the answers.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.pci import PciAddress
from ibstack.fabric.segment import FLAT, segment_entry
from ibstack.neutron.protocol.conventions import REBINDING_S

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from ibstack.fabric.partition import KeyRange, TableEntry
    from ibstack.neutron.protocol.agent_report import LeftVf, ReportedAdapter

ACTIVE: Final = "ACTIVE"
_SHOWN: Final = 80

Answer: TypeAlias = dict[str, Any]


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
    device_id: str = ""
    """Whose port it is: nova's id of the instance."""


# No dataclass: of all ports of a cloud one is made for each answer, in a fifth of the time.
class MemberPort(NamedTuple):
    """A port that belongs to a partition of a fabric.

    Its binding is ACTIVE, it is switched on, and its network is not flat: of the default partition
    every port is a limited member.
    """

    port_id: str
    mac: str
    host: str
    profile: str
    segmentation_id: int | None


@dataclass(frozen=True, slots=True)
class AgentPort:
    """A DHCP or router port: its host plugs it for itself, and is the member.

    It is switched on, and its network is not flat.
    """

    port_id: str
    host: str
    segmentation_id: int | None


@dataclass(frozen=True, slots=True)
class HostRows:
    """All that is read to say what a host should have."""

    ports: Collection[BoundPort]
    twins: Collection[str]
    """Those of them that duplicate_macs() names, of their fabrics."""
    rebinding: Collection[BoundPort] = ()
    """Those that are unbound for a moment, one for each segment that they may be bound to again."""


@dataclass(frozen=True, slots=True)
class FabricRows:
    """All that is read to say what a fabric should hold."""

    ports: Collection[MemberPort]
    own: Collection[AgentPort]
    waiting: Collection[str]
    """The ports that wait for IB_FABRIC, those of other fabrics too."""
    twins: Mapping[str, str]
    """What duplicate_macs() says of *ports*."""
    adapters: Mapping[str, tuple[ReportedAdapter, ...]]
    """What each host's agent reported last."""
    left: Mapping[str, tuple[LeftVf, ...]] = field(default_factory=dict)
    """What each host's agent reported last to be attached without a port."""
    rebinding: Collection[MemberPort] = ()
    """Those that are unbound for a moment, one for each segment that they may be bound to again."""


@functools.lru_cache(maxsize=8192)
def table_entry(network_type: str, segmentation_id: int | None, owned: KeyRange) -> TableEntry:
    """Return what a port of such a segment holds in its table; BadValue where it may not be."""
    entry = segment_entry(network_type, segmentation_id)
    key = entry.partition
    if network_type != FLAT and key not in owned:
        raise BadValue(
            "partition key", str(key), f"outside {owned}, the range in [infiniband] owned_keys"
        )
    return entry


# A fabric is assembled again and again, nearly all of it as before.
@functools.lru_cache(maxsize=262144)
def vf_guid(mac: str) -> str:
    """Return the GUID of the VF of a port with *mac*, as it is told; BadValue for none."""
    return str(Guid.from_mac(mac))


def pci_slot(profile: Mapping[str, Any] | None) -> str | None:
    """Return `pci_slot` of a binding profile as text, None where there is none."""
    slot = (profile or {}).get("pci_slot")
    return str(slot) if slot else None


# Hardly two profiles of a cloud are alike: nova 34 writes the address of the physical function and
# the VF's number into each.  Half a KiB for each port that is remembered.
@functools.lru_cache(maxsize=262144)
def stored_pci_slot(profile: str) -> str | None:
    """Return `pci_slot` of a binding profile as the database keeps it; ValueError for no profile.

    Equal slots are one object: a cloud has few of them, and what is asked of them is remembered.
    """
    if not profile:
        return None
    try:
        read = json.loads(profile) or {}
    except RecursionError:
        raise BadValue("binding profile", profile[:_SHOWN], "too many levels") from None
    if not isinstance(read, dict):
        raise BadValue("binding profile", profile[:_SHOWN], "expected an object")
    slot = pci_slot(read)
    return None if slot is None else sys.intern(slot)


def pci_address(profile: str) -> PciAddress | None:
    """Return the VF that a stored binding profile names; None for none, BadValue for nonsense."""
    slot = stored_pci_slot(profile)
    return None if slot is None else _address(slot)


@functools.lru_cache(maxsize=8192)
def _address(slot: str) -> PciAddress:
    return PciAddress.parse(slot)


def is_rebinding(updated_at: datetime | None, now: datetime) -> bool:
    """Return whether a port that is unbound, and was changed then, is about to be bound anew.

    Both are in UTC, *updated_at* in whole seconds.  Clocks of controllers may differ a little, so a
    change that is yet to come counts too, as long as it comes soon.
    """
    return updated_at is not None and abs((now - updated_at).total_seconds()) < REBINDING_S


def sharing_a_mac(ports: Collection[MemberPort]) -> list[MemberPort]:
    """Return those of a fabric's *ports* whose MAC another one has too."""
    count = Counter([port.mac for port in ports])
    if len(count) == len(ports):
        return []
    return [port for port in ports if count[port.mac] > 1]


def duplicate_macs(ports: Collection[MemberPort], made: Mapping[str, str]) -> dict[str, str]:
    """Return the ports whose MAC an older one of the fabric has: port id to the older one's id.

    Two ports with one MAC have one GUID, and a fabric knows a port by its GUID alone.  Neutron
    keeps MACs unique within a network only.  *made* says when each port was made.
    """
    oldest: dict[str, MemberPort] = {}
    twins: dict[str, str] = {}
    for port in sorted(ports, key=lambda port: (made.get(port.port_id, ""), port.port_id)):
        first = oldest.setdefault(port.mac, port)
        if first.port_id != port.port_id:
            twins[port.port_id] = first.port_id
    return twins


def etag_of(content: object) -> str:
    """Return a text that is another one for other *content*, which JSON can hold."""
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
