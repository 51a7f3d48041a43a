# SPDX-License-Identifier: Apache-2.0
"""What the P_Key tables on the fabric hold for a port.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.diagnose.finding import Facts, Finding, State, not_known, not_needed, right, wrong
from ibstack.diagnose.membership import is_flat, is_physical, members_of
from ibstack.diagnose.neutron_steps import entry_of, port_of
from ibstack.fabric.partition import DEFAULT_PARTITION, TableEntry

if TYPE_CHECKING:
    from ibstack.diagnose.host_facts import FabricFacts, ObservedPort

_OPEN: Final = TableEntry(DEFAULT_PARTITION, full_member=True)
_PLACES_NAMED: Final = 4


def in_table(facts: Facts) -> Finding:
    """The table has the key; of several adapters of a DHCP port's host one that has it will do."""
    members, fabric = members_of(facts), facts.fabric
    if fabric is None or fabric.unread or not members:
        why = fabric.unread if fabric else facts.why_missing("fabric")
        source = f"P_Key table of {', '.join(members) or 'its member'}"
        return not_known(why or "the port's adapter is not known", source)
    found = [_table_of(facts, fabric, member) for member in members]
    return next((each for each in found if each.state is State.RIGHT), found[0])


def _table_of(facts: Facts, fabric: FabricFacts, member: str) -> Finding:
    seen, source = fabric.port(member), f"P_Key table of {member}"
    if seen is None:
        return _not_on_fabric(facts, member, source)
    if sharing := fabric.sharing(member):
        return _shared(member, [port.name for port in sharing], source)
    if seen.table is None:
        return not_known(seen.why, source)
    if not seen.active:
        return wrong(
            f"{member} is not active",
            source,
            f"port {member} of {seen.name} is on the fabric, and not active",
            "see the subnet manager's log for that port",
        )
    return _entry_in(facts, seen, entry_of(facts), source)


def _shared(member: str, places: list[str], source: str) -> Finding:
    """OpenSM gives keys by GUID, to whichever of these ports it finds first."""
    listed = ", ".join(places[:_PLACES_NAMED])
    listed += f", and {len(places) - _PLACES_NAMED} more" if len(places) > _PLACES_NAMED else ""
    return wrong(
        f"{member} is the GUID of {len(places)} ports",
        source,
        f"{len(places)} ports of the fabric have GUID {member}, and OpenSM serves one of them:"
        f" {listed}",
        "pull the cable of the one that is not to be there, or give it a GUID of its own",
    )


def _not_on_fabric(facts: Facts, member: str, source: str) -> Finding:
    port, _ = port_of(facts)
    if not is_physical(facts):
        gone = f"{member} is not among the ports that a walk of the fabric finds"
        if port.status == "ACTIVE":
            return not_known(
                f"{gone}: no guest's driver has started on the VF, or the adapter shows its VFs as"
                " no nodes of their own",
                source,
            )
        return not_needed(f"{gone}: no guest's driver has started on the VF", source)
    return wrong(
        f"{member} is not on the fabric",
        source,
        f"the adapter of {port.host}, {member}, is not on the fabric",
        f"see whether {port.host} is up and its cable is in",
    )


def _entry_in(facts: Facts, seen: ObservedPort, wanted: TableEntry, source: str) -> Finding:
    table = [TableEntry.from_wire(raw) for raw in seen.table or ()]
    port, where = port_of(facts)[0], f"the P_Key table of {seen.guid} ({seen.name})"
    may_be_open = _is_master(facts, seen) or _is_listed(facts, seen)
    if _OPEN in table and not may_be_open:
        return wrong(
            f"0xffff at index {table.index(_OPEN)}",
            source,
            f"{where} holds 0xffff: the port can talk to every other",
            "run `ibstack partition audit` on the subnet manager's host; ibstack-fabricd repairs it"
            " at its next audit",
        )
    if wanted not in table and _OPEN in table and is_flat(facts):
        return wrong(
            "0xffff, and no 0x7fff",
            source,
            f"{where} holds 0xffff, and a port of a flat network gets 0x7fff there",
            f"boot the server on another host, or take {seen.guid} out of full_default_members of"
            " fabricd.conf",
        )
    if wanted not in table:
        return _missing(table, wanted, where, source)
    at = table.index(wanted)
    if not is_physical(facts) and at != 0:
        return wrong(
            f"{wanted} at index {at}",
            source,
            f"{where} has {wanted} at index {at}, and ib0 of a guest looks at index 0",
            "see whether the site's own partitions say indx0 of that port",
        )
    return right(f"{wanted} at index {at}, for port {port.id}", source)


def _missing(
    table: list[TableEntry | None], wanted: TableEntry, where: str, source: str
) -> Finding:
    other = TableEntry(wanted.partition, not wanted.full_member)
    if other in table:
        return wrong(
            f"{other} at index {table.index(other)}",
            source,
            f"{where} has {other}, {other.membership.value} member, and should have {wanted}",
            "run `ibstack partition audit` on the subnet manager's host: ibstack-fabricd repairs"
            " what somebody wrote over",
        )
    if None not in table:
        return wrong(
            f"no {wanted}, and no entry is free",
            source,
            f"{where} is full: {len(table)} entries, and {wanted} is not one of them",
            "move ports to other hosts, or give networks up",
        )
    return wrong(
        f"no {wanted}",
        source,
        f"{where} does not hold {wanted}",
        "run `ibstack partition audit` on the subnet manager's host: ibstack-fabricd repairs what"
        " somebody wrote over",
    )


def _is_master(facts: Facts, seen: ObservedPort) -> bool:
    return facts.fabric is not None and facts.fabric.master == seen.guid


def _is_listed(facts: Facts, seen: ObservedPort) -> bool:
    """A standby's host, storage, a gateway: full_default_members of fabricd.conf names it."""
    return facts.fabric is not None and seen.guid in facts.fabric.full_default
