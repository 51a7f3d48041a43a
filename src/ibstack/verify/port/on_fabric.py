# SPDX-License-Identifier: Apache-2.0
"""The stations of a port's way that lie on the fabric and at its subnet manager.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.partition import DEFAULT_PARTITION, TableEntry
from ibstack.verify.port.cloud_facts import adapter_of, is_own, own_adapters
from ibstack.verify.port.finding import (
    Facts,
    Finding,
    State,
    not_looked,
    not_needed,
    right,
    waits,
    wrong,
)
from ibstack.verify.port.in_neutron import entry_of, guid_of, port_of

if TYPE_CHECKING:
    from ibstack.verify.port.place_facts import FabricFacts, FileFacts, SeenPort

_MLX4: Final = "mlx4"
_FABRICD: Final = "ibstack-fabricd"


def shares_a_table(facts: Facts) -> bool | None:
    """Tell whether the physical port is the member (mlx4); None where that is not known."""
    if facts.vf is not None and facts.vf.kind is not None:
        return facts.vf.kind == _MLX4
    adapter = adapter_of(facts.cloud)
    return None if adapter is None else adapter.kind == _MLX4


def member_of(facts: Facts) -> str | None:
    """Return the GUID that is to be a member: of the VF, or on mlx4 of the physical port."""
    shared = shares_a_table(facts)
    if shared is None:
        return None
    if not shared:
        try:
            return str(guid_of(facts))
        except BadValue:
            return None
    if facts.vf is not None and facts.vf.port_guid is not None:
        return facts.vf.port_guid
    adapter = adapter_of(facts.cloud)
    return str(adapter.port_guid) if adapter and adapter.port_guid else None


def members_of(facts: Facts) -> tuple[str, ...]:
    """Return all GUIDs that are to be members: each adapter of the host of a DHCP port."""
    port, _ = port_of(facts)
    if is_own(port):
        return own_adapters(facts.cloud, port.host)
    member = member_of(facts)
    return () if member is None else (member,)


def is_physical(facts: Facts) -> bool:
    """The member is a physical port: of mlx4, and of what a host plugs for itself."""
    return bool(shares_a_table(facts)) or is_own(port_of(facts)[0])


def sm_in_office(facts: Facts) -> Finding:
    fabric = facts.fabric
    if fabric is None:
        return not_looked(facts.why_missing("fabric"), "fabric, SMInfo")
    source = f"fabric, SMInfo, read from {fabric.host}"
    if fabric.unread:
        return not_looked(fabric.unread, source)
    if fabric.master is None:
        return wrong(
            f"none: {fabric.no_master}",
            source,
            "no subnet manager is in office on the fabric",
            f"start OpenSM: `systemctl status opensm` on {_managers(facts)}",
        )
    name = f" ({fabric.master_name})" if fabric.master_name else ""
    return right(f"master on port {fabric.master}{name}", source)


def sm_is_served(facts: Facts) -> Finding:
    """The subnet manager in office is one that ibstack-fabricd looks after."""
    agents = facts.cloud.fabric_agents()
    source = "Neutron API, agents"
    physical = port_of(facts)[1].physical_network
    if not agents:
        return not_needed(f"no {_FABRICD} serves {physical}: its partitions are static", source)
    alive = [agent for agent in agents if agent.alive]
    if not alive:
        return wrong(
            f"no live {_FABRICD}",
            source,
            f"no {_FABRICD} of {physical} reports to Neutron any more",
            f"run `systemctl status {_FABRICD}` on {_managers(facts)}",
        )
    masters = [agent.host for agent in alive if agent.role == "master"]
    if not masters:
        return waits(
            "none says that its subnet manager is master",
            source,
            f"no live {_FABRICD} of {physical} stands beside the subnet manager in office",
            f"run `systemctl status {_FABRICD} opensm` on {_managers(facts)}",
        )
    return right(f"{_FABRICD} on {masters[0]} is beside the master", source)


def sm_serves_vports(facts: Facts) -> Finding:
    fabric, shared = facts.fabric, shares_a_table(facts)
    if shared:
        return not_needed("mlx4 VFs are no ports of their own", "adapter")
    if fabric is None:
        return not_looked(facts.why_missing("fabric"), "OpenSM")
    source = f"{fabric.host}: serves_vports of fabricd.conf, and OpenSM's program"
    if fabric.serves_vports is None:
        return not_looked("OpenSM's program cannot be read", source)
    if fabric.serves_vports:
        return right("it can", source)
    return wrong(
        "it cannot",
        source,
        f"the OpenSM on {fabric.host} cannot serve the virtual ports of ConnectX-4 and later",
        "run NVIDIA's OpenSM with virt_enabled 2, or UFM; where this one can, set serves_vports ="
        " yes in fabricd.conf",
    )


def is_desired(facts: Facts) -> Finding:
    fabric, source = facts.fabric, "Neutron RPC, fabric_members"
    if fabric is None:
        return not_looked(facts.why_missing("fabric"), source)
    if _flat(facts):
        return not_needed("every port is a limited member of the default partition", source)
    if fabric.desired is None:
        return not_looked(fabric.undesired, source)
    port, _ = port_of(facts)
    if fabric.desired.held is not None:
        return wrong(
            fabric.desired.held,
            source,
            f"Neutron holds the port out of its partition: {fabric.desired.held}",
            "mend what it says; ibstack-fabricd serves the port by itself after that",
        )
    wanted = members_of(facts)
    if not fabric.desired.guids:
        return wrong(
            "not a member",
            source,
            f"Neutron does not count port {port.id} among the members of {_key(facts)}",
            "see whether physical_network of fabricd.conf is that of the port's network",
        )
    if not {*wanted} <= {*fabric.desired.guids}:
        told, shown = ", ".join(fabric.desired.guids), ", ".join(wanted)
        return wrong(
            f"as {told}",
            source,
            f"Neutron wants {told} in {_key(facts)} for the port, and its host shows {shown}",
            f"run `systemctl restart ibstack-agent` on {port.host}, which reports its adapters"
            " anew",
        )
    return right(f"{', '.join(fabric.desired.guids)} in {_key(facts)}", source)


def is_published(facts: Facts) -> Finding:
    fabric, members = facts.fabric, members_of(facts)
    if fabric is None or fabric.file is None:
        return not_looked(facts.why_missing("fabric"), "partitions.conf")
    file, source = fabric.file, f"{fabric.host}: {fabric.file.path}"
    if file.whose in ("foreign", "edited") or file.faults:
        return _not_ours(fabric, source)
    if _flat(facts):
        return not_needed("every port is a limited member of the default partition", source)
    if not members:
        return not_looked("the port's adapter is not known", source)
    found = [_in_file(facts, fabric, file, member, source) for member in members]
    return next((each for each in found if each.state is State.WRONG), found[0])


def _in_file(
    facts: Facts, fabric: FabricFacts, file: FileFacts, member: str, source: str
) -> Finding:
    has = file.members.get(member)
    if has is None:
        return wrong(
            f"{member} is not in {_key(facts)}",
            source,
            f"{file.path} on {fabric.host} does not have {member} in partition {_key(facts)}",
            f"run `systemctl status {_FABRICD}` on {fabric.host}; `ibstack partition plan` there"
            " says what it would publish",
        )
    wanted = entry_of(facts).membership.value
    if has != wanted:
        return wrong(
            f"{member} is {has} member",
            source,
            f"{file.path} on {fabric.host} has {member} as {has} member of {_key(facts)}, and it"
            f" should be {wanted}",
            f"run `systemctl restart {_FABRICD}` on {fabric.host}",
        )
    return right(f"{member} is {has} member of {_key(facts)}", source)


def _not_ours(fabric: FabricFacts, source: str) -> Finding:
    file = fabric.file
    if file is None:
        raise RuntimeError("there is a file where this is asked")
    first = f": {file.faults[0]}" if file.faults else ""
    if file.whose == "foreign":
        what, remedy = "was there before ibstack", f"run `{_FABRICD} --take-over`"
    else:
        broken = " and is broken" if file.faults else ""
        what, remedy = f"was edited by hand{broken}", f"run `{_FABRICD} --restore`"
    return wrong(
        f"it {what}{first}",
        source,
        f"{file.path} on {fabric.host} {what}, so nothing is published{first}",
        f"{remedy} on {fabric.host}",
    )


def is_loaded(facts: Facts) -> Finding:
    fabric = facts.fabric
    if fabric is None or fabric.file is None:
        return not_looked(facts.why_missing("fabric"), "table of the subnet manager's port")
    source = f"table of the subnet manager's port {fabric.master}"
    if fabric.file.proof is None:
        return not_looked("the file carries no proof key: it is not ibstack's", source)
    if fabric.proofs is None:
        return not_looked(fabric.unread or fabric.no_master or "it cannot be read", source)
    proof = f"0x{fabric.file.proof:04x}"
    if fabric.file.proof in fabric.proofs:
        return right(f"proof key {proof} is there", source)
    return wrong(
        f"proof key {proof} is not there",
        source,
        f"OpenSM has not loaded {fabric.file.path} of {fabric.host}: its proof key {proof} is not"
        " in force",
        f"run `systemctl status {_FABRICD} opensm` on {fabric.host}",
    )


def in_table(facts: Facts) -> Finding:
    """The table has the key; of several adapters of a DHCP port's host one that has it will do."""
    members, fabric = members_of(facts), facts.fabric
    if fabric is None or fabric.unread or not members:
        why = fabric.unread if fabric else facts.why_missing("fabric")
        source = f"P_Key table of {', '.join(members) or 'its member'}"
        return not_looked(why or "the port's adapter is not known", source)
    found = [_table_of(facts, fabric, member) for member in members]
    return next((each for each in found if each.state is State.RIGHT), found[0])


def _table_of(facts: Facts, fabric: FabricFacts, member: str) -> Finding:
    seen, source = fabric.port(member), f"P_Key table of {member}"
    if seen is None:
        return _not_on_fabric(facts, member, source)
    if seen.table is None:
        return not_looked(seen.why, source)
    if not seen.active:
        return wrong(
            f"{member} is not active",
            source,
            f"port {member} of {seen.name} is on the fabric, and not active",
            "see the subnet manager's log for that port",
        )
    return _entry_in(facts, seen, entry_of(facts), source)


def _not_on_fabric(facts: Facts, member: str, source: str) -> Finding:
    port, _ = port_of(facts)
    if not is_physical(facts):
        return not_needed(
            f"{member} is not on the fabric: no guest's driver has started on the VF", source
        )
    return wrong(
        f"{member} is not on the fabric",
        source,
        f"the adapter of {port.host}, {member}, is not on the fabric",
        f"see whether {port.host} is up and its cable is in",
    )


def _entry_in(facts: Facts, seen: SeenPort, wanted: TableEntry, source: str) -> Finding:
    table = [TableEntry.from_wire(raw) for raw in seen.table or ()]
    port, where = port_of(facts)[0], f"the P_Key table of {seen.guid} ({seen.name})"
    if TableEntry(DEFAULT_PARTITION, full_member=True) in table and not _is_master(facts, seen):
        return wrong(
            f"0xffff at index {table.index(TableEntry(DEFAULT_PARTITION, full_member=True))}",
            source,
            f"{where} holds 0xffff: the port can talk to every other",
            "run `ibstack partition audit` on the subnet manager's host; ibstack-fabricd repairs it"
            " at its next audit",
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


def has_a_group(facts: Facts) -> Finding:
    group, source = facts.group, f"subnet administration, broadcast group of {_key(facts)}"
    if group is None:
        return not_looked(facts.why_missing("group"), source)
    source = f"{source}, asked from {group.host}"
    if group.there is None:
        return not_looked(group.why, source)
    if group.there:
        return right("it is there", source)
    return wrong(
        "there is none",
        source,
        f"partition {_key(facts)} has no IPoIB broadcast group, so no guest can ask for an address",
        "see the log of OpenSM for the flag ipoib of that partition",
    )


def _is_master(facts: Facts, seen: SeenPort) -> bool:
    return facts.fabric is not None and facts.fabric.master == seen.guid


def _flat(facts: Facts) -> bool:
    return port_of(facts)[1].network_type == "flat"


def _key(facts: Facts) -> str:
    return str(entry_of(facts).partition)


def _managers(facts: Facts) -> str:
    hosts = sorted(agent.host for agent in facts.cloud.fabric_agents())
    return " or ".join(hosts) or "the host of the subnet manager"
