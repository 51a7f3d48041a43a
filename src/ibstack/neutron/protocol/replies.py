# SPDX-License-Identifier: Apache-2.0
"""What Neutron answers, read into values: docs/reference/protocols.md, "RPC with Neutron".

Every reply comes over the wire from another release of ibstack, perhaps, so each is read strictly:
one of the wrong shape is BadReply and never a KeyError somewhere later.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from ibstack.fabric.errors import TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.member import LeftVf, Member
from ibstack.fabric.partition import PartitionKey, TableEntry
from ibstack.fabric.pci import PciAddress
from ibstack.formats.codec import BadShape, from_json, none_as_empty, record, wire

_T = TypeVar("_T")


@dataclass(eq=False)
class BadReply(TryLater):
    """An answer that cannot be read.  What was known before stays true; ask again later."""

    doing: str
    what: str

    def __str__(self) -> str:
        return (
            f"cannot {self.doing}: the answer of Neutron cannot be read: {self.what}; "
            "do the controller and this host run the same release of ibstack?"
        )


def _is_active(raw: object) -> bool:
    return from_json(str, raw) == "ACTIVE"


@record
@dataclass(frozen=True, slots=True)
class HostPort:
    """A Neutron port that is bound to the host that asked (PORT of the protocol)."""

    port_id: str = field(metadata=wire("id"))
    network_id: str
    mac: str
    guid: Guid
    pci: PciAddress | None
    """None: bound without a PCI address, so only its MAC tells which VF it is."""
    physical_network: str
    entry: TableEntry
    """What the VF's P_Key table should hold."""
    admin_state_up: bool
    status: str
    """DOWN, BUILD or ACTIVE, as the database has it now."""
    active: bool = field(metadata=wire("binding", read=_is_active))
    """False: an INACTIVE binding, the destination of a live migration; stage it, do not go live."""
    revision: int
    device_id: str | None = field(default=None, metadata=wire(read=lambda raw: raw or None))
    """Whose port it is, nova's id of the instance.  None: it is nobody's, or not known."""


@record
@dataclass(frozen=True, slots=True)
class HostPorts:
    """What a host should have."""

    etag: str
    ports: tuple[HostPort, ...] | None
    """None: nothing new since the etag that was sent; empty: known to be none."""
    rebinding: tuple[HostPort, ...] = field(
        default=(), metadata=wire(read=none_as_empty(tuple[HostPort, ...]))
    )
    """Ports that were bound to the host a moment ago, and are about to be again: each as it may be,
    once for each segment.  New where *ports* is."""


@record
@dataclass(frozen=True, slots=True)
class Held:
    """A port that may not be served, with the reason."""

    port_id: str
    why: str
    host: str | None = None
    """With *key*: a membership that it has stays its own.  Its adapter is not known now, or it is
    being bound anew."""
    key: PartitionKey | None = None


@record
@dataclass(frozen=True, slots=True)
class Claim:
    """A port GUID that several hosts report as their own; nothing new comes in by it."""

    guid: Guid
    hosts: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"hosts {', '.join(map(repr, self.hosts))} all report port GUID {self.guid}: nothing"
            " new is admitted by it; if the adapter was moved, delete the agent of the host that"
            " had it, otherwise one of them lies"
        )


@record
@dataclass(frozen=True, slots=True)
class _Left:
    host: str
    pci: PciAddress
    mac: str


_MEMBER: Final = ("port_id", "host", "guid", "key", "membership", "shared")


def _members(raw: Any) -> tuple[Member, ...] | None:
    """Read members, of which nearly all are as they were in the answer before."""
    if raw is None:
        return None
    if isinstance(raw, list):
        with contextlib.suppress(LookupError, TypeError, ValueError):
            return tuple([_known(*[row[name] for name in _MEMBER]) for row in raw])
    return from_json(tuple[Member, ...], raw)  # Says which is none, and what of it.


# *typed*: 1 is no true.
@functools.lru_cache(maxsize=65536, typed=True)
def _known(*values: object) -> Member:
    return from_json(Member, dict(zip(_MEMBER, values, strict=True)))


def _left(raw: object) -> tuple[LeftVf, ...]:
    rows = none_as_empty(tuple[_Left, ...])(raw)
    return tuple(LeftVf(row.host, row.pci, Guid.from_mac(row.mac)) for row in rows)


@record
@dataclass(frozen=True, slots=True)
class FabricMembers:
    """What a fabric should hold."""

    etag: str
    members: tuple[Member, ...] | None = field(metadata=wire(read=_members))
    """None: nothing new since the etag that was sent; empty: known to be none."""
    held: tuple[Held, ...] = field(metadata=wire(read=none_as_empty(tuple[Held, ...])))
    left: tuple[LeftVf, ...] = field(default=(), metadata=wire(read=_left))
    claims: tuple[Claim, ...] = field(
        default=(), metadata=wire(read=none_as_empty(tuple[Claim, ...]))
    )
    hosts: Mapping[str, Mapping[Guid, bool]] = field(
        default_factory=dict, metadata=wire(read=none_as_empty(Mapping[str, Mapping[Guid, bool]]))
    )
    """The port GUIDs that each host reports, and whether its VFs share that port's table.  Empty
    where Neutron runs a release without it."""


@record
@dataclass(frozen=True, slots=True)
class HostReport:
    """What Neutron made of the report of a host."""

    unknown: frozenset[str]
    """The ports that Neutron does not have, or has not bound to that host any more."""
    down: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the ports that were said to be ready, those that are not ACTIVE, and what each waits for:
    Neutron's names of provisioning entities.  Empty where Neutron runs a release without it."""


@record
@dataclass(frozen=True, slots=True)
class _Unknown:
    unknown: frozenset[str]


def read_host_ports(raw: object, doing: str) -> HostPorts:
    """Read the answer of `host_ports`; *doing* names what was wanted in the error."""
    return _strictly(HostPorts, raw, doing)


def read_fabric_members(raw: object, doing: str) -> FabricMembers:
    """Read the answer of `fabric_members`."""
    return _strictly(FabricMembers, raw, doing)


def read_host_report(raw: object, doing: str) -> HostReport:
    """Read the answer of `report_host`."""
    return _strictly(HostReport, raw, doing)


def read_unknown(raw: object, doing: str) -> frozenset[str]:
    """Read the answer of `report_fabric`: the ports that Neutron does not have there."""
    return _strictly(_Unknown, raw, doing).unknown


def _strictly(kind: type[_T], raw: object, doing: str) -> _T:
    try:
        return from_json(kind, raw)
    except BadShape as error:
        raise BadReply(doing, str(error)) from error
