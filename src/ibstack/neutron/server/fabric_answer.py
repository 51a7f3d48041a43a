# SPDX-License-Identifier: Apache-2.0
"""What a fabric should hold: the answer of `fabric_members` in docs/reference/protocols.md.

Pure.  10,000 ports are assembled for each change of any of them, so what many ports have in common
is worked out once: 1.5 us for each port are 15 ms of every answer.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue, Refused
from ibstack.fabric.partition import Membership
from ibstack.fabric.pci import PciAddress
from ibstack.fabric.segment import VLAN
from ibstack.neutron.server.desired import etag_of, stored_pci_slot, table_entry, vf_guid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from ibstack.fabric.guid import Guid
    from ibstack.fabric.partition import KeyRange
    from ibstack.neutron.protocol.agent_report import ReportedAdapter
    from ibstack.neutron.server.desired import AgentPort, Answer, Fabric, FabricRows, MemberPort
    from ibstack.neutron.server.revision_stamp import RevisionStamp

    Adapters: TypeAlias = Sequence[ReportedAdapter]
    Claims: TypeAlias = Mapping[Guid, Sequence[str]]

_by_id: Final = attrgetter("port_id")
# By way of the enum each time, it would be a tenth of what a port takes.
_FULL: Final = Membership.FULL.value


class KeepsWhatItHas(Refused):
    """A port is no member now, and a membership that it has is still its own."""


class UnknownAdapter(KeepsWhatItHas):
    """By what the host's agent reports, the adapter of a port is not known now."""


class Contested(KeepsWhatItHas):
    """The port GUID of its host's adapter is reported by another host too: one of them lies."""


class BeingBound(KeepsWhatItHas):
    """Neutron has unbound a port to bind it anew at once."""


def fabric_answer(rows: FabricRows, fabric: Fabric, etag: str | None, stamp: str) -> Answer:
    """Answer `fabric_members` from all that was read of a fabric.

    *stamp* was made before any of it was read.  The etag also changes when a port begins to wait
    for IB_FABRIC, so that a report falls due.
    """
    here = _on_fabric(rows.adapters, fabric)
    claims = _contested(here)
    members, held = _assembled(rows, fabric, here, claims)
    waits = frozenset(rows.waiting)
    waiting = sorted(port.port_id for port in rows.ports if port.port_id in waits) if waits else []
    more: Answer = {"hosts": _ports_of_hosts(here)}
    if left := [*_left(rows, fabric)]:
        more["left"] = left
    if claims:
        more["claims"] = [{"guid": str(guid), "hosts": claims[guid]} for guid in sorted(claims)]
    content = etag_of([_members_hash(members), held, waiting, *more.values()])
    same = etag is not None and etag.rpartition("-")[2] == content
    if rows.rebinding:
        stamp = ""  # It ends by the clock: nothing in Neutron changes then.
    return {
        "etag": f"{stamp}-{content}",
        "members": None if same else members,
        "held": held,
        **more,
    }


def _left(rows: FabricRows, fabric: Fabric) -> Iterator[Answer]:
    """Yield the VFs of the fabric that are attached without a port, by what agents report."""
    for host, vfs in sorted(rows.left.items()):
        for vf in vfs:
            if vf.physical_network == fabric.physical_network:
                yield {"host": host, "pci": str(vf.pci), "mac": vf.mac}


def stamp_of(revisions: RevisionStamp | None, owned: KeyRange, period: int) -> str:
    """Return what is another text after anything that fabric_answer() is made of has changed.

    Empty, and good for nothing, without *revisions*, which revision_stamp() finds.  *period*
    numbers the hours: nothing is believed unread for longer, not even what was changed in the
    database behind Neutron's back.
    """
    return "" if revisions is None else etag_of([repr(revisions), str(owned), period])[:32]


def is_stamped(etag: str | None, stamp: str) -> bool:
    """Return whether *etag* was given when all was as it is now."""
    return bool(stamp) and etag is not None and etag.rpartition("-")[0] == stamp


def _assembled(
    rows: FabricRows, fabric: Fabric, here: Mapping[str, Adapters], claims: Claims
) -> tuple[list[Answer], list[Answer]]:
    """Return the members, and the ports that are held, each in the order of the ports' ids."""
    members: list[Answer] = []
    held: list[Answer] = []

    @functools.cache
    def key_of(segmentation_id: int | None) -> str:
        return str(table_entry(VLAN, segmentation_id, fabric.owned).partition)

    for port in sorted(rows.ports, key=_by_id):
        port_id, mac, host, _, segmentation_id = port
        try:
            if port_id in rows.twins:
                raise _twin(port, rows.twins[port_id])
            key = key_of(segmentation_id)
            own = vf_guid(mac)
            physical = _physical_port(port, here.get(host), fabric, claims)
            if physical is None:
                members.append(_membership(port_id, host, own, key, False))
            else:
                members.append(_membership(port_id, host, str(physical), key, True))
        except (BadValue, Refused, ValueError) as error:
            held.append(_held_back(port, fabric, error))
    for one in sorted(rows.own, key=_by_id):
        try:
            key = key_of(one.segmentation_id)
            guids = _port_guids(one, here.get(one.host), fabric)
            _refuse_contested(here[one.host], claims)
            members += [_membership(one.port_id, one.host, str(guid), key, True) for guid in guids]
        except (BadValue, Refused) as error:
            held.append(_held_back(one, fabric, error))
    held += [*_between(rows, fabric)]
    return members, held


def _between(rows: FabricRows, fabric: Fabric) -> Iterator[Answer]:
    """Yield for each port that is being bound anew that it keeps what it has, and no more."""
    for port in sorted(rows.rebinding, key=_by_id):
        # One whose segment is not ours was no member of it either.
        with contextlib.suppress(BadValue):
            yield _held_back(
                port, fabric, BeingBound(f"it is being bound anew on host {port.host}")
            )


def _on_fabric(
    adapters: Mapping[str, tuple[ReportedAdapter, ...]], fabric: Fabric
) -> dict[str, list[ReportedAdapter]]:
    """Return the adapters of each host that has reported that serve *fabric*."""
    return {
        host: [one for one in of_host if one.physical_network == fabric.physical_network]
        for host, of_host in adapters.items()
    }


def _ports_of_hosts(here: Mapping[str, Adapters]) -> dict[str, dict[str, bool]]:
    """Return each host's port GUIDs on the fabric, and whether VFs share that port's table.

    Without the hosts that do not know them all: a GUID that comes later is none that has changed.
    """
    return {
        host: {str(one.port_guid): one.shares_table for one in adapters}
        for host, adapters in here.items()
        if adapters and all(one.port_guid is not None for one in adapters)
    }


def _contested(here: Mapping[str, Adapters]) -> dict[Guid, list[str]]:
    """Return the port GUIDs of the fabric that several hosts report, with those hosts.

    A GUID is one port's.  Any agent can send a report in any host's name, so which of them is right
    is not known here: agents that are not alive count too.
    """
    first: dict[Guid, str] = {}
    found: dict[Guid, set[str]] = {}
    for host, adapters in here.items():
        for one in adapters:
            guid = one.port_guid
            if guid is not None and (known := first.setdefault(guid, host)) != host:
                found.setdefault(guid, {known}).add(host)
    return {guid: sorted(hosts) for guid, hosts in found.items()}


def _refuse_contested(adapters: Adapters, claims: Claims) -> None:
    for one in adapters:
        if one.port_guid is not None and one.port_guid in claims:
            hosts = ", ".join(claims[one.port_guid])
            raise Contested(f"port GUID {one.port_guid} is reported by hosts {hosts}")


def _membership(port_id: str, host: str, guid: str, key: str, shared: bool) -> Answer:
    return {
        "port_id": port_id,
        "host": host,
        "guid": guid,
        "key": key,
        "membership": _FULL,
        "shared": shared,
    }


def _members_hash(members: Iterable[Answer]) -> str:
    """Return a text that is another one for other *members*, in a third of JSON's time.

    No two of them are spelled alike: only a host's name could hold any text, and it is quoted.
    """
    lines = [
        f"{m['port_id']} {m['guid']} {m['key']} {m['membership']} {m['shared']} {m['host']!r}"
        for m in members
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _held_back(port: MemberPort | AgentPort, fabric: Fabric, error: Exception) -> Answer:
    """Say why a port is no member; with host and key where what it has now is still its own."""
    told: Answer = {"port_id": port.port_id, "why": str(error)}
    if isinstance(error, KeepsWhatItHas):
        entry = table_entry(VLAN, port.segmentation_id, fabric.owned)
        told |= {"host": port.host, "key": str(entry.partition)}
    return told


def _twin(port: MemberPort, older: str) -> Refused:
    return Refused(
        f"its MAC address {port.mac} is also that of port {older}, which is older; give it another"
        " one"
    )


def _port_guids(port: AgentPort, here: Adapters | None, fabric: Fabric) -> list[Guid]:
    """Return the physical ports that are members: the agent may use any that is up."""
    if here is None:
        raise UnknownAdapter(f"ibstack-agent on host {port.host} has never reported its adapters")
    if not here:
        raise UnknownAdapter(
            f"host {port.host} reports no adapter of physical network {fabric.physical_network}"
        )
    guids = sorted(one.port_guid for one in here if one.port_guid is not None)
    if not guids:
        raise UnknownAdapter(f"the port GUID of no adapter on host {port.host} is known yet")
    return guids


def _physical_port(
    port: MemberPort, here: Adapters | None, fabric: Fabric, claims: Claims
) -> Guid | None:
    """Return the GUID of the physical port that is the member; None where the VF itself is."""
    if here is None:
        raise UnknownAdapter(f"ibstack-agent on host {port.host} has never reported its adapters")
    slot = stored_pci_slot(port.profile)
    found = [one for one in here if _may_have(one.vfs, slot)]
    if not found:
        of_what = f"with VF {PciAddress.parse(slot)}" if slot else "at all"
        raise UnknownAdapter(
            f"host {port.host} reports no adapter of physical network"
            f" {fabric.physical_network} {of_what}"
        )
    if claims:
        _refuse_contested(found, claims)
    adapter = found[0]
    if len(found) > 1:
        if any(one.shares_table for one in found):
            raise UnknownAdapter(
                f"it has no pci_slot, so it may be on any adapter of host {port.host}"
            )
        return None
    if not adapter.shares_table:
        return None
    if adapter.port_guid is None:
        raise UnknownAdapter(f"the port GUID of its adapter on host {port.host} is not known yet")
    return adapter.port_guid


# The set of VFs is one object for all hosts that report the same ones, and knows its own hash.
@functools.lru_cache(maxsize=65536)
def _may_have(vfs: frozenset[PciAddress], slot: str | None) -> bool:
    """Return whether a port with that pci_slot may be on an adapter with *vfs*."""
    return slot is None or PciAddress.parse(slot) in vfs
