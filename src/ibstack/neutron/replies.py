# SPDX-License-Identifier: Apache-2.0
"""What Neutron answers, read into values: docs/reference/protocols.md, "RPC with Neutron".

Every reply comes over the wire from another release of ibstack, perhaps, so each is read strictly:
one of the wrong shape is BadReply and never a KeyError somewhere later.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ibstack.fabric.errors import BadValue, TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.member import LeftVf, Member
from ibstack.fabric.partition import Membership, PartitionKey, TableEntry
from ibstack.fabric.pci import PciAddress

_T = TypeVar("_T")

_SHOWN = 300  # Characters of an error, which may quote all that was sent.


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


@dataclass(frozen=True, slots=True)
class HostPort:
    """A Neutron port that is bound to the host that asked (PORT of the protocol)."""

    port_id: str
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
    active: bool
    """False: an INACTIVE binding, the destination of a live migration; stage it, do not go live."""
    revision: int
    device_id: str | None = None
    """Whose port it is, nova's id of the instance.  None: it is nobody's, or not known."""


@dataclass(frozen=True, slots=True)
class HostPorts:
    """What a host should have."""

    etag: str
    ports: tuple[HostPort, ...] | None
    """None: nothing new since the etag that was sent; empty: known to be none."""
    rebinding: tuple[HostPort, ...] = ()
    """Ports that were bound to the host a moment ago, and are about to be again: each as it may be,
    once for each segment.  New where *ports* is."""


@dataclass(frozen=True, slots=True)
class Held:
    """A port that may not be served, with the reason."""

    port_id: str
    why: str
    host: str | None = None
    """With *key*: a membership that it has stays its own.  Its adapter is not known now, or it is
    being bound anew."""
    key: PartitionKey | None = None


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


@dataclass(frozen=True, slots=True)
class FabricMembers:
    """What a fabric should hold."""

    etag: str
    members: tuple[Member, ...] | None
    """None: nothing new since the etag that was sent; empty: known to be none."""
    held: tuple[Held, ...]
    left: tuple[LeftVf, ...] = ()
    claims: tuple[Claim, ...] = ()
    hosts: Mapping[str, Mapping[Guid, bool]] = field(default_factory=dict)
    """The port GUIDs that each host reports, and whether its VFs share that port's table.  Empty
    where Neutron runs a release without it."""


@dataclass(frozen=True, slots=True)
class HostReport:
    """What Neutron made of the report of a host."""

    unknown: frozenset[str] = frozenset()
    """The ports that Neutron does not have, or has not bound to that host any more."""
    down: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of the ports that were said to be ready, those that are not ACTIVE, and what each waits for:
    Neutron's names of provisioning entities.  Empty where Neutron runs a release without it."""


def read_host_ports(raw: object, doing: str) -> HostPorts:
    """Read the answer of `host_ports`; *doing* names the deed in the error."""
    return _strictly(_host_ports, raw, doing)


def read_fabric_members(raw: object, doing: str) -> FabricMembers:
    """Read the answer of `fabric_members`."""
    return _strictly(_fabric_members, raw, doing)


def read_host_report(raw: object, doing: str) -> HostReport:
    """Read the answer of `report_host`."""
    return _strictly(_host_report, raw, doing)


def read_unknown(raw: object, doing: str) -> frozenset[str]:
    """Read the answer of `report_fabric`: the ports that Neutron does not have there."""
    return _strictly(_unknown, raw, doing)


def _strictly(read: Callable[[Any], _T], raw: object, doing: str) -> _T:
    try:
        return read(raw)
    except KeyError as error:
        raise BadReply(doing, f"{error} is missing") from error
    except (BadValue, TypeError, ValueError) as error:
        raise BadReply(doing, str(error)[:_SHOWN]) from error


def _host_ports(raw: Any) -> HostPorts:
    answer = _mapping(raw)
    between = _rows({"rebinding": None, **answer}, "rebinding", _host_port) or ()
    return HostPorts(_of(str, answer, "etag"), _rows(answer, "ports", _host_port), between)


def _host_port(row: Mapping[str, Any]) -> HostPort:
    entry = TableEntry.from_wire(int(_of(str, row, "entry"), 16))
    if entry is None:
        raise BadValue("P_Key table entry", row["entry"], "it is empty")
    pci = None if row["pci"] is None else PciAddress.parse(_of(str, row, "pci"))
    return HostPort(
        port_id=_of(str, row, "id"),
        network_id=_of(str, row, "network_id"),
        mac=_of(str, row, "mac"),
        guid=Guid.parse(_of(str, row, "guid")),
        pci=pci,
        physical_network=_of(str, row, "physical_network"),
        entry=entry,
        admin_state_up=_of(bool, row, "admin_state_up"),
        status=_of(str, row, "status"),
        active=_of(str, row, "binding") == "ACTIVE",
        revision=_of(int, row, "revision"),
        device_id=_of(str, {"device_id": "", **row}, "device_id") or None,
    )


def _fabric_members(raw: Any) -> FabricMembers:
    answer = _mapping(raw)
    return FabricMembers(
        _of(str, answer, "etag"),
        _rows(answer, "members", _member),
        _rows(answer, "held", _held) or (),
        _rows({"left": None, **answer}, "left", _left) or (),
        _rows({"claims": None, **answer}, "claims", _claim) or (),
        {host: _ports(row) for host, row in _mapping(answer.get("hosts") or {}).items()},
    )


def _member(row: Mapping[str, Any]) -> Member:
    return Member(
        port_id=_of(str, row, "port_id"),
        host=_of(str, row, "host"),
        guid=Guid.parse(_of(str, row, "guid")),
        key=PartitionKey.parse(_of(str, row, "key")),
        membership=Membership(row["membership"]),
        shared=_of(bool, row, "shared"),
    )


def _held(row: Mapping[str, Any]) -> Held:
    port_id, why = _of(str, row, "port_id"), _of(str, row, "why")
    if row.get("key") is None:
        return Held(port_id, why)
    return Held(port_id, why, _of(str, row, "host"), PartitionKey.parse(_of(str, row, "key")))


def _left(row: Mapping[str, Any]) -> LeftVf:
    return LeftVf(
        _of(str, row, "host"),
        PciAddress.parse(_of(str, row, "pci")),
        Guid.from_mac(_of(str, row, "mac")),
    )


def _ports(raw: object) -> dict[Guid, bool]:
    row = _mapping(raw)
    return {Guid.parse(guid): _of(bool, row, guid) for guid in row}


def _claim(row: Mapping[str, Any]) -> Claim:
    return Claim(Guid.parse(_of(str, row, "guid")), _texts(row, "hosts"))


def _host_report(raw: Any) -> HostReport:
    down = _mapping(_mapping(raw).get("down", {}))
    return HostReport(_unknown(raw), {port_id: _texts(down, port_id) for port_id in down})


def _unknown(raw: Any) -> frozenset[str]:
    return frozenset(_texts(_mapping(raw), "unknown"))


def _texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(_of(str, {name: item}, name) for item in _list(row[name]))


def _mapping(raw: object) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise TypeError(f"expected an object, got {reprlib.repr(raw)}")
    return raw


def _rows(
    answer: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], _T]
) -> tuple[_T, ...] | None:
    raw = answer[name]
    return None if raw is None else tuple(read(_mapping(row)) for row in _list(raw))


def _list(raw: object) -> list[Any]:
    if not isinstance(raw, list):
        raise TypeError(f"expected a list, got {reprlib.repr(raw)}")
    return raw


def _of(kind: type[_T], row: Mapping[str, Any], name: str) -> _T:
    value = row[name]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{name}: expected {kind.__name__}, got {reprlib.repr(value)}")
    return value
