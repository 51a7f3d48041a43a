# SPDX-License-Identifier: Apache-2.0
"""What must hold after each calm: pure, of what Neutron was told and of what was seen."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from faults.model import FULL, Place, guid_of
from faults.wires import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from faults.model import Model, Port
    from faults.seen import Seen, SeenVf
    from ibstack_lab.topology import Host, Topology

_DEFAULT, _FULL_DEFAULT = 0x7FFF, 0xFFFF
_PROOFS: Final = range(0x7FF0, 0x7FF8)
_NOBODY: Final = {0, (1 << 64) - 1}


class Invariant(enum.Enum):
    """In the words of the issue."""

    NO_STRANGER = "no port in a partition that Neutron does not give it"
    NO_ABSENTEE = "no port missing from one that it does"
    NO_RELIC = "no VF with a former tenant's GUID or key"
    NO_EARLY_ACTIVE = "no port ACTIVE that is not in force"
    NOTHING_LOST = "nothing lost"
    NOBODY_HINDERED = "other tenants' ports go ACTIVE within ten times their quiet time"
    NOTHING_SILENT = "every attempt raised the alarm that names it"


@dataclass(frozen=True)
class Broken:
    """An invariant that does not hold, and for whom."""

    invariant: Invariant
    subject: str
    found: str

    def __str__(self) -> str:
        return f"{self.invariant.value}: {self.subject}: {self.found}"


def judge(model: Model, seen: Seen, topology: Topology) -> list[Broken]:
    """Return everything that does not hold."""
    return [broken for check in CHECKS for broken in check(model, seen, topology)]


def _tables(model: Model, seen: Seen, topology: Topology) -> Iterator[Broken]:
    managers = {host.name for host in topology.subnet_manager_hosts}
    for host in topology.hosts:
        wanted = model.keys_of_host(host.name) if host.name in model.mlx4_hosts else set()
        allowed = {_FULL_DEFAULT} if host.name in managers else set()
        if host.name in seen.masters:
            allowed |= {key | FULL for key in _PROOFS}
        yield from _table(host.name, seen, wanted, {_DEFAULT, *allowed})
        if host.name not in seen.wires:
            yield Broken(Invariant.NO_ABSENTEE, host.name, "its port is not on the fabric")
    for place, node in _own_ports(model, seen, topology):
        yield from _vf_table(model, seen, place, node)


def _vf_table(model: Model, seen: Seen, place: Place, node: str) -> Iterator[Broken]:
    port = model.at(place)
    if port is None or not port.is_live or port.bound_to != place:
        if node in seen.wires:
            owner = f"{port} must be down there" if port else "nobody has that VF"
            yield Broken(Invariant.NO_STRANGER, node, f"it is on the fabric, and {owner}")
        return
    if node not in seen.wires:
        yield Broken(Invariant.NO_ABSENTEE, str(port), f"{node} is not on the fabric")
        return
    there = seen.wires[node]
    if there.guid != guid_of(port.mac):
        text = f"{node} has GUID 0x{there.guid:016x}, not that of {port}"
        yield Broken(Invariant.NO_RELIC, node, text)
    if there.table[0] != port.key | FULL:
        text = f"index 0 of {node} holds 0x{there.table[0]:04x}"
        yield Broken(Invariant.NO_ABSENTEE, str(port), text)
    if there.state != ACTIVE:
        yield Broken(Invariant.NO_ABSENTEE, str(port), f"{node} is in state {there.state}")
    yield from _table(node, seen, {port.key | FULL}, {_DEFAULT})


def _table(node: str, seen: Seen, wanted: set[int], allowed: set[int]) -> Iterator[Broken]:
    if node not in seen.wires:
        return
    holds = {e for e in seen.wires[node].entries if e & ~FULL not in seen.other_keys}
    if extra := holds - wanted - allowed:
        yield Broken(Invariant.NO_STRANGER, node, f"its table holds {_shown(extra)}")
    if missing := wanted - holds:
        yield Broken(Invariant.NO_ABSENTEE, node, f"its table lacks {_shown(missing)}")


def _files(model: Model, seen: Seen, topology: Topology) -> Iterator[Broken]:
    """An OpenSM writes what its file says, on whichever host it becomes master."""
    wanted: dict[int, set[int]] = {}
    for port in model.ports:
        if port.is_member:
            wanted.setdefault(port.key, set()).add(_member(port, topology))
    for key in model.served:
        wanted.setdefault(key, set()).add(topology.host(model.dhcp_host).port_guid.value)
    not_tenants = {*seen.other_keys, *_PROOFS, _DEFAULT}
    for host, members in seen.files.items():
        for key in (members.keys() | wanted.keys()) - not_tenants:
            has, want = members.get(key, frozenset()), wanted.get(key, set())
            about = f"0x{key:04x} in the file of {host}"
            if extra := has - want:
                yield Broken(Invariant.NO_STRANGER, about, f"it admits {_guids(extra)}")
            if missing := want - has:
                yield Broken(Invariant.NO_ABSENTEE, about, f"it lacks {_guids(missing)}")


def _managers(_model: Model, seen: Seen, _topology: Topology) -> Iterator[Broken]:
    if len(set(seen.digests.values())) > 1:
        yield Broken(Invariant.NOTHING_LOST, "the partitions files", "they are not equal")
    if len(seen.masters) != 1:
        names = ", ".join(sorted(seen.masters)) or "none"
        yield Broken(Invariant.NOTHING_LOST, "the master subnet manager", f"there is {names}")


def _vfs(model: Model, seen: Seen, topology: Topology) -> Iterator[Broken]:
    tenants = {guid_of(mac) for mac in model.macs}
    for place, vf in seen.vfs.items():
        port = model.at(place)
        if port is None:
            for guid in sorted({vf.guid, vf.node_guid} & tenants):
                yield Broken(Invariant.NO_RELIC, str(place), f"it has GUID 0x{guid:016x}")
        elif {vf.guid, vf.node_guid} != {guid_of(port.mac)}:
            text = f"{place} has GUIDs 0x{vf.guid:016x} and 0x{vf.node_guid:016x}"
            yield Broken(Invariant.NOTHING_LOST, str(port), text)
        live = port if port is not None and port.is_live and port.bound_to == place else None
        check = _mlx4_vf if place.host in model.mlx4_hosts else _mlx5_vf
        yield from check(place, vf, live, attached=port is not None)


def _mlx4_vf(place: Place, vf: SeenVf, live: Port | None, *, attached: bool) -> Iterator[Broken]:
    if live is not None:
        if vf.entry != live.key | FULL:
            shown = "no entry" if vf.entry is None else f"0x{vf.entry:04x}"
            yield Broken(Invariant.NO_ABSENTEE, str(live), f"{place} is mapped to {shown}")
    elif vf.entry is not None and (attached or vf.entry & ~FULL != _DEFAULT):
        # One that was never given to anybody is mapped to the default partition by its driver.
        yield Broken(Invariant.NO_RELIC, str(place), f"it is mapped to 0x{vf.entry:04x}")


def _mlx5_vf(place: Place, vf: SeenVf, live: Port | None, *, attached: bool) -> Iterator[Broken]:
    del attached
    if live is not None and vf.policy not in ("Follow", "Up"):
        yield Broken(Invariant.NO_ABSENTEE, str(live), f"the link policy of {place} is {vf.policy}")
    if live is None and vf.policy != "Down":
        yield Broken(Invariant.NO_RELIC, str(place), f"its link policy is {vf.policy}")


def _neutron(model: Model, seen: Seen, topology: Topology) -> Iterator[Broken]:
    rows = {row.mac: row for row in seen.neutron}
    known = {port.mac: port for port in model.ports if port.exists}
    for mac in rows.keys() - known.keys():
        yield Broken(Invariant.NOTHING_LOST, f"port {mac}", "Neutron has it, and nobody made it")
    for mac, port in known.items():
        row = rows.get(mac)
        if row is None:
            yield Broken(Invariant.NOTHING_LOST, str(port), "Neutron does not have it")
            continue
        place = port.bound_to
        pci = str(topology.host(place.host).vf_pci(place.vf)) if place else None
        told = (port.up, place.host if place else "", pci if place else row.pci)
        if (row.up, row.host, row.pci) != told:
            text = f"Neutron has it {'up' if row.up else 'down'} on {row.host!r} {row.pci}"
            yield Broken(Invariant.NOTHING_LOST, str(port), text)
        if row.status == "ACTIVE" and not port.is_live:
            yield Broken(Invariant.NO_EARLY_ACTIVE, str(port), "it is not plugged, bound and up")
        if row.status != "ACTIVE" and port.is_live:
            text = f"it is {row.status}, {row.vif_type}, and waits for {row.waits_for or 'nobody'}"
            yield Broken(Invariant.NOTHING_LOST, str(port), text)
        if row.status == "ACTIVE" and not _in_force(port, seen, topology):
            yield Broken(Invariant.NO_EARLY_ACTIVE, str(port), "the master does not serve it")


def _dhcp(model: Model, seen: Seen, _topology: Topology) -> Iterator[Broken]:
    for key in sorted(model.served | {row.key for row in seen.dhcp}):
        has = [(row.status, row.host) for row in seen.dhcp if row.key == key]
        want = [("ACTIVE", model.dhcp_host)] if key in model.served else []
        if has != want:
            shown = ", ".join(f"{status} on {host!r}" for status, host in has) or "none"
            yield Broken(Invariant.NOTHING_LOST, f"the DHCP port of 0x{key:04x}", f"it is {shown}")


def _attachments(model: Model, seen: Seen, _topology: Topology) -> Iterator[Broken]:
    told = {place: port.mac for port in model.ports for place in port.plugged}
    for place in told.keys() | seen.attached.keys():
        want, has = told.get(place), seen.attached.get(place)
        if want != has and (place in told or has in model.macs):
            text = f"on record is {has or 'nobody'}, plugged is {want or 'nobody'}"
            yield Broken(Invariant.NOTHING_LOST, str(place), text)


def _in_force(port: Port, seen: Seen, topology: Topology) -> bool:
    guid = _member(port, topology)
    files = (seen.files.get(master, {}) for master in seen.masters)
    listed = any(guid in members.get(port.key, ()) for members in files)
    tables = [wire.entries for wire in seen.wires.values() if wire.guid == guid]
    return listed and all(port.key | FULL in table for table in tables)


def _member(port: Port, topology: Topology) -> int:
    """Return the GUID of the member: mlx4's VFs share the physical port's."""
    assert port.bound_to is not None
    host: Host = topology.host(port.bound_to.host)
    return host.port_guid.value if _is_mlx4(host) else guid_of(port.mac)


def _is_mlx4(host: Host) -> bool:
    return host.kind is not None and host.kind.value == "mlx4"


def _own_ports(model: Model, seen: Seen, topology: Topology) -> list[tuple[Place, str]]:
    return [
        (place, topology.host(place.host).vf_node(place.vf))
        for place in seen.vfs
        if place.host not in model.mlx4_hosts
    ]


def _shown(entries: set[int]) -> str:
    return ", ".join(f"0x{entry:04x}" for entry in sorted(entries))


def _guids(guids: set[int] | frozenset[int]) -> str:
    return ", ".join(f"0x{guid:016x}" for guid in sorted(guids))


CHECKS: Final[tuple[Callable[[Model, Seen, Topology], Iterator[Broken]], ...]] = (
    _tables,
    _files,
    _managers,
    _vfs,
    _neutron,
    _dhcp,
    _attachments,
)
